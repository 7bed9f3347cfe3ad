"""Reverse-mode differentiation: tensors, the tape of operations on them, and the operations."""

from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.tensor import Tensor, no_grad

__all__ = ["Tensor", "no_grad", "operations"]
