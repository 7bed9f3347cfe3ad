"""Layers, models, and the initial values of their weights."""

from evaluators.gradient.nn.convolution import AveragePool2d, Conv2d, MaxPool2d
from evaluators.gradient.nn.layers import Activation, BatchNorm, Dense, Dropout, Flatten, Sequential
from evaluators.gradient.nn.matching import Match
from evaluators.gradient.nn.module import Module, observing
from evaluators.gradient.nn.parameter import Parameter
from evaluators.gradient.nn.summary import summary

__all__ = [
    "Activation",
    "AveragePool2d",
    "BatchNorm",
    "Conv2d",
    "Dense",
    "Dropout",
    "Flatten",
    "Match",
    "MaxPool2d",
    "Module",
    "Parameter",
    "Sequential",
    "observing",
    "summary",
]
