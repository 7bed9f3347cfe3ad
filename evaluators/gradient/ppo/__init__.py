"""Proximal policy optimisation (Schulman et al. 2017)."""

from evaluators.gradient.ppo.learner import UPDATE, Learner, TrainedPolicy, train
from evaluators.gradient.ppo.policy import Policy
from evaluators.gradient.ppo.settings import TASKS, Settings, settings_for

__all__ = ["TASKS", "UPDATE", "Learner", "Policy", "Settings", "TrainedPolicy", "settings_for", "train"]
