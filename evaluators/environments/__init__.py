"""Environments: tasks in which a network acts step by step."""

from evaluators.environments import shapes
from evaluators.environments.acrobot import Acrobot
from evaluators.environments.cart_pole import CartPole
from evaluators.environments.double_pole import DampedDoublePole, DoublePole, generalisation_starts
from evaluators.environments.environment import Environment
from evaluators.environments.mountain_car import MountainCar, MountainCarContinuous
from evaluators.environments.pendulum import Pendulum
from evaluators.environments.prey_capture import PreyCapture
from evaluators.environments.random_numbers import uniform, uniform_between
from evaluators.environments.spaces import Box, Discrete
from evaluators.environments.t_maze import TMaze

__all__ = [
    "Acrobot",
    "Box",
    "CartPole",
    "DampedDoublePole",
    "Discrete",
    "DoublePole",
    "Environment",
    "MountainCar",
    "MountainCarContinuous",
    "Pendulum",
    "PreyCapture",
    "TMaze",
    "generalisation_starts",
    "shapes",
    "uniform",
    "uniform_between",
]
