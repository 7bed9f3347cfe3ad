"""Run studies, which compare arms on tasks over many seeds, and report what they show."""

from neat.study.plan import StudyTask
from neat.study.study import Study, StudyProgress

__all__ = ["Study", "StudyProgress", "StudyTask"]
