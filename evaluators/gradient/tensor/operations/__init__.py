"""The operations on tensors; each operation's backward pass is next to its forward pass."""

from evaluators.gradient.tensor.operations.activations import DIFFERENTIABLE, activate, relu, sigmoid, tanh
from evaluators.gradient.tensor.operations.elementwise import (
    absolute,
    add,
    clip,
    divide,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sqrt,
    subtract,
    where,
)
from evaluators.gradient.tensor.operations.indexing import gather, pick
from evaluators.gradient.tensor.operations.normalisation import normalise
from evaluators.gradient.tensor.operations.products import dense, matmul
from evaluators.gradient.tensor.operations.reductions import log_softmax, max, mean, min, softmax, sum
from evaluators.gradient.tensor.operations.shaping import broadcast_to, concatenate, reshape, transpose
from evaluators.gradient.tensor.operations.windows import average_pool2d, conv2d, max_pool2d

__all__ = [
    "DIFFERENTIABLE",
    "absolute",
    "activate",
    "add",
    "average_pool2d",
    "broadcast_to",
    "clip",
    "concatenate",
    "conv2d",
    "dense",
    "divide",
    "exp",
    "gather",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negative",
    "normalise",
    "pick",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "sqrt",
    "subtract",
    "sum",
    "tanh",
    "transpose",
    "where",
]
