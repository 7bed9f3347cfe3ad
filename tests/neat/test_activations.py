import math

import numpy as np
import pytest

from neat import activations
from tests.support.reference import ACTIVATIONS as REFERENCE
from tests.support.reference import AGGREGATIONS as REFERENCE_AGGREGATIONS
from tests.support.scripts import run_python


def print_nothing(x):
    return object()


BUILT_IN = activations.ACTIVATIONS[: activations.BUILT_IN_ACTIVATIONS]
BUILT_IN_AGGREGATIONS = activations.AGGREGATIONS[: activations.BUILT_IN_AGGREGATIONS]
# Rounding an argument moves the result by as much as the function is steep there.
ARGUMENTS = np.concatenate([np.linspace(-12, 12, 481), [-300.0, -60.0, 60.0, 300.0, 1e-8, -1e-8]]).astype(
    np.float32
)


def test_the_table_has_every_name():
    assert {entry.name for entry in BUILT_IN} == set(REFERENCE)
    assert {entry.name for entry in BUILT_IN_AGGREGATIONS} == set(REFERENCE_AGGREGATIONS)
    assert len({entry.name for entry in BUILT_IN}) == len(BUILT_IN)


@pytest.mark.parametrize("entry", BUILT_IN, ids=lambda entry: entry.name)
def test_activation_is_what_its_name_says(entry):
    for x in ARGUMENTS:
        size = abs(float(x))
        expected = REFERENCE[entry.name](float(x))
        assert entry.function(x) == pytest.approx(expected, rel=4e-7 * (2 + 6 * size), abs=3e-7 * (1 + size))


@pytest.mark.parametrize("entry", BUILT_IN, ids=lambda entry: entry.name)
def test_nan_stays_nan(entry):
    assert math.isnan(entry.function(np.float32(np.nan)))


@pytest.mark.parametrize("entry", BUILT_IN_AGGREGATIONS, ids=lambda entry: entry.name)
@pytest.mark.parametrize("count", [1, 2, 3, 8, 101])
def test_aggregation_is_what_its_name_says(entry, count):
    values = np.random.default_rng(count).normal(size=count).astype(np.float32)
    expected = REFERENCE_AGGREGATIONS[entry.name](values.tolist())
    if entry.fold:
        result = values[0]
        for value in values[1:]:
            result = entry.function(result, value)
    else:
        result = entry.function(values.copy())
    assert result == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_index():
    assert activations.ACTIVATIONS[activations.activation_index("tanh")].name == "tanh"
    assert activations.AGGREGATIONS[activations.aggregation_index("mean")].name == "mean"
    with pytest.raises(ValueError, match=r"^activation 'foo' is not known; known are: sigmoid, tanh, "):
        activations.activation_index("foo")
    with pytest.raises(ValueError, match=r"^aggregation 'foo' is not known; known are: sum, product, "):
        activations.aggregation_index("foo")
    for wrong in (None, 3, np.tanh, np.array(["tanh", "sin"])):
        with pytest.raises(ValueError, match=r"^activation .* is not known; known are: "):
            activations.activation_index(wrong)


@pytest.mark.parametrize(
    ("name", "function", "message"),
    [
        ("tanh", lambda x: x, "'tanh' exists already"),
        ("two words", lambda x: x, "expected letters, digits and underscores, got 'two words'"),
        ("", lambda x: x, "expected letters, digits and underscores, got ''"),
        (3, lambda x: x, "expected letters, digits and underscores, got 3"),
        ("bad", 3, "'bad': expected a function written in Python, plain or jitted, got 3"),
        (
            "bad",
            lambda: 1.0,
            "'bad': numba cannot compile it as a function of one float32: Signature mismatch",
        ),
        (
            "bad",
            lambda x, y: x,
            "'bad': numba cannot compile it as a function of one float32: Signature mismatch",
        ),
        (
            "bad",
            lambda x: print_nothing(x),
            "'bad': numba cannot compile it as a function of one float32: Untyped global",
        ),
        ("bad", lambda x: "text", "'bad': expected a function that returns a number"),
    ],
)
def test_registering_a_bad_activation_is_refused(name, function, message):
    before = len(activations.ACTIVATIONS)
    with pytest.raises(ValueError) as error:
        activations.register_activation(name, function)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert len(activations.ACTIVATIONS) == before


def test_registering_a_bad_aggregation_is_refused():
    for function in (7, lambda: 1.0, lambda values: values):
        with pytest.raises(ValueError, match="aggregation 'bad'") as error:
            activations.register_aggregation("bad", function)
        assert "\n" not in str(error.value)


def test_registering_a_function_that_reads_out_of_bounds_is_refused():
    table = np.zeros(3, np.float32)
    with pytest.raises(
        ValueError, match=r"^activation 'bad': IndexOutOfRange: .* table: index 1000 is out of range"
    ):
        activations.register_activation("bad", lambda x: table[int(abs(x))])
    for aggregation in (lambda values: values[3], lambda values: values[50]):
        with pytest.raises(ValueError, match=r"^aggregation 'bad': .* values: index (3|50) is out of range"):
            activations.register_aggregation("bad", aggregation)


REGISTER = """
import math
import numpy as np
import evaluators, neat.genome
from evaluators.cpu.kernels import activate_range
from neat.activations import register_activation, register_aggregation
from neat.kernels.jit import dispatcher_of, function

register_activation("twice_sine", lambda x: 2 * math.sin(x))
register_aggregation("norm", lambda values: np.sqrt((values * values).sum()))

FACTOR, TABLE = 2.0, np.ones(4, np.float32)

@function
def scaled(x):
    return FACTOR * x

def read(x):
    return TABLE[0 if abs(x) < 50 or abs(x) > 60 else 7]  # which no check before the work meets

def fold(values):
    return values[0] if values[0] < 50 or values[0] > 60 else values[len(values)]

def register():
    register_activation("scaled", lambda x: scaled(x))
    register_activation("read", read)
    register_aggregation("fold", fold)

register()
register()  # as when a cell of a notebook is run again
FACTOR = 3.0
try:
    register()
except ValueError as error:
    assert str(error).startswith("activation 'scaled' exists already with other code or other constants"), error
else:
    raise AssertionError
genome = neat.genome.Genome.from_dict({
    "num_inputs": 2, "num_outputs": 1,
    "nodes": [{"id": 2, "bias": 0.25, "activation": "twice_sine", "aggregation": "norm"}],
    "connections": [{"innovation": i, "source": i, "target": 2, "weight": 1.0} for i in range(2)]})
y = evaluators.compile(genome).activate([[3.0, 4.0], [0.0, 1.0]])
np.testing.assert_allclose(y[0, :, 0], [2 * math.sin(5.25), 2 * math.sin(1.25)], rtol=1e-5)

def network(activation, aggregation):
    node = {"id": 1, "activation": activation, "aggregation": aggregation}
    connections = [{"innovation": 0, "source": 0, "target": 1, "weight": 1.0}]
    data = {"num_inputs": 1, "num_outputs": 1, "nodes": [node], "connections": connections}
    return neat.genome.Genome.from_dict(data)

assert evaluators.compile(network("scaled", "sum")).activate([[7.0]]).item() == 14.0  # the constant of then
for genome, place in ((network("read", "sum"), "read, line 19 of script.py, TABLE: index 7"),
                      (network("identity", "fold"), "fold, line 22 of script.py, values: index 1")):
    for use in (lambda: evaluators.compile(genome).activate([[55.0]]),
                lambda: evaluators.Supervised([[55.0]], [[0.0]])(genome.genomes),
                lambda: evaluators.PerGenome(lambda network: network.activate([55.0])[0])(genome.genomes)):
        try:
            use()
        except IndexError as error:
            assert str(error).startswith(f"{place} is out of range for size "), error
        else:
            raise AssertionError
print("found" if dispatcher_of(activate_range()).stats.cache_hits else "compiled")
"""


def test_registered_functions_are_evaluated(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(REGISTER)
    for expected in (("compiled", "found"), ("found",)):  # an earlier run may have compiled the kernels
        assert run_python(script).strip() in expected


def test_functions_that_read_what_no_fingerprint_covers_are_refused():
    table = {"a": 1.0}
    with pytest.raises(ValueError, match=r"reads table, a builtins\.dict, and compiled code on disk"):
        activations.register_activation("reads_a_dictionary", lambda x: x * table["a"])
