"""Run studies, which compare arms on tasks over many seeds, and report what they show."""

from neat.study.plan import StudyTask
from neat.study.recorder import MatingRecorder
from neat.study.study import Study, StudyProgress

__all__ = ["MatingRecorder", "Study", "StudyProgress", "StudyTask"]
