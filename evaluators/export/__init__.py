"""Exports of genomes: source code, symbolic expressions, and models of other libraries.

Every target computes what `evaluators.compile(genome).activate` computes. Activations are defined in
`neat.node_functions`, and a node's value is `evaluators.program.node.node_update`.
"""

from evaluators.export.c_source import to_c
from evaluators.export.files import FORMATS, export, render
from evaluators.export.interface import Interface
from evaluators.export.json_text import to_json
from evaluators.export.numpy_source import to_numpy
from evaluators.export.onnx_model import to_onnx
from evaluators.export.pytorch import to_torch
from evaluators.export.simplification import simplify
from evaluators.export.symbolic import Expressions, to_latex, to_sympy

__all__ = [
    "FORMATS",
    "Expressions",
    "Interface",
    "export",
    "render",
    "simplify",
    "to_c",
    "to_json",
    "to_latex",
    "to_numpy",
    "to_onnx",
    "to_sympy",
    "to_torch",
]
