"""Helpers for tests of exports run every target on sequences of inputs, and compare with `activate`."""

import ctypes
import importlib.util
import shutil
import subprocess

import numpy as np
import pytest

import evaluators
from evaluators import export
from tests.support.rounding import Bounds

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared"]
TOLERANCE = 1e-5
SMALLEST_NORMAL = 1.2e-38  # differences below are not a matter of precision


def available(*names):
    """Whether optional packages are installed."""
    return all(importlib.util.find_spec(name) for name in names)


def draw_inputs(genome, seed, times=10, samples=3):
    """Return float32 (times, samples, inputs); feed-forward networks get one time."""
    shape = (1 if genome.feed_forward else times, samples, genome.num_inputs)
    return np.random.default_rng(seed).normal(0, 1.5, shape).astype(np.float32)


def of_activate(genome, x):
    return evaluators.compile(genome).activate_sequence(x)[0]


def of_numpy(genome, x):
    namespace = {}
    exec(export.to_numpy(genome), namespace)
    return _step(genome, x, namespace["activate"])


def of_sympy(genome, x):
    import sympy

    inputs, outputs, state, next_state = export.to_sympy(genome)
    compute = sympy.lambdify([*inputs, *state], [*outputs, *next_state], modules="numpy", cse=True)

    def activate(inputs, state=None):
        if state is None:
            state = np.zeros((len(inputs), len(next_state)))
        columns = [*inputs.T.astype(np.float64), *state.T]
        with np.errstate(all="ignore"):
            results = [np.broadcast_to(column, len(inputs)) for column in compute(*columns)]
        stacked = np.stack(results, axis=-1)
        return (stacked[:, : len(outputs)], stacked[:, len(outputs) :]) if next_state else stacked

    return _step(genome, x, activate)


def of_onnx(genome, x):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    model = export.to_onnx(genome).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def activate(inputs, state=None):
        given = {"inputs": inputs}
        if not genome.feed_forward:
            nodes = session.get_inputs()[1].shape[1]
            given["state"] = np.zeros((len(inputs), nodes), np.float32) if state is None else state
        results = session.run(None, given)
        return results[0] if genome.feed_forward else results

    return _step(genome, x, activate)


def of_torch(genome, x):
    import torch

    module = export.to_torch(genome)
    with torch.no_grad():
        return _step(genome, torch.from_numpy(x), module)


def of_c(genomes, inputs, folder, at_once=100):
    """Return the outputs of each genome in C, compiled with few calls of the compiler."""
    results = []
    for begin in range(0, len(genomes), at_once):
        part = genomes[begin : begin + at_once]
        library = compile_c([export.to_c(g, name=f"network_{k}") for k, g in enumerate(part)], folder, begin)
        for k, (genome, x) in enumerate(zip(part, inputs[begin : begin + at_once], strict=True)):
            results.append(run_c(library[f"network_{k}"], genome, x))
    return results


def compile_c(sources, folder, number=0, flags=FLAGS):
    source, library = folder / f"networks{number}.c", folder / f"networks{number}.so"
    source.write_text("\n".join(sources), "utf-8")
    subprocess.run([COMPILER, *flags, str(source), "-o", str(library), "-lm"], check=True)
    return ctypes.CDLL(str(library))


def run_c(function, genome, x):
    def array(count):
        return (ctypes.c_float * count)()

    y = np.empty((*x.shape[:2], genome.num_outputs), np.float32)
    for sample in range(x.shape[1]):
        state, outputs = array(len(genome.nodes)), array(genome.num_outputs)  # zeros
        for time in range(len(x)):
            given = (ctypes.c_float * genome.num_inputs)(*x[time, sample])
            function(*([] if genome.feed_forward else [state]), given, outputs)
            y[time, sample] = outputs
    return y


def _step(genome, x, activate):
    if genome.feed_forward:
        return np.asarray(activate(x[0]))[None]
    outputs, state = [], None
    for now in x:
        output, state = activate(now, state)
        outputs.append(np.asarray(output))
    return np.stack(outputs)


def bounds_of(genome, x):
    """Return float64 outputs and bounds of float32's error, each of the shape of the outputs."""
    pairs = np.empty((*x.shape[:2], genome.num_outputs, 2))
    reference = Bounds(genome.to_dict())
    for sample in range(x.shape[1]):
        reference.reset()
        for time in range(len(x)):
            pairs[time, sample] = reference.activate(x[time, sample].tolist())
    return pairs[..., 0], pairs[..., 1]


def compare(results, expected, bounds):
    """Compare an export's outputs with those of `activate`; return how many outputs are well conditioned.

    Where rounding moves an output by at most 0.5e-5 of its size, the outputs may differ by 1e-5; elsewhere by twice
    the bound, where there is one.
    """
    values, errors = bounds
    well = errors <= TOLERANCE / 2 * np.abs(values)
    bounded = np.isfinite(errors)
    allowed = np.where(well, TOLERANCE * np.abs(expected), 2 * np.where(bounded, errors, 0)) + SMALLEST_NORMAL
    with np.errstate(invalid="ignore"):  # infinities, which have no bound
        difference = np.abs(np.asarray(results, np.float64) - expected)
    wrong = bounded & ~(difference <= allowed)
    assert not wrong.any(), (results[wrong], expected[wrong], errors[wrong])
    return int(well.sum())
