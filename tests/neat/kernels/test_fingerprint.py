"""A fingerprint changes with all that a function reaches, and raises ValueError for values of unsupported types."""

import collections
import enum
import importlib
import sys
import threading
import types

import numba
import numpy as np
import pytest

from neat.kernels.fingerprint import fingerprint


def tag_of(source, tmp_path, monkeypatch, **modules):
    """Return the qualified name of the kernel `f` in this source, which can import `modules` (sources by name)."""
    folder = tmp_path / f"case{len(list(tmp_path.iterdir()))}"
    package = folder / "constants_of_a_test"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for name, text in modules.items():
        (package / f"{name}.py").write_text(text)
    (folder / "kernel_of_a_test.py").write_text(
        f"from neat.kernels.jit import inner_function, kernel\n{source}"
    )
    with monkeypatch.context() as context:
        context.syspath_prepend(folder)
        loaded = [name for name in sys.modules if name.split(".")[0].endswith("_of_a_test")]
        for name in loaded:
            context.delitem(sys.modules, name)
        module = importlib.import_module("kernel_of_a_test")
        qualname = module.f.py_func.__qualname__
        for name in [name for name in sys.modules if name.split(".")[0].endswith("_of_a_test")]:
            del sys.modules[name]
    return qualname


DEFAULT = "@inner_function\ndef helper(x, {}):\n    return x * k\n@kernel\ndef f(x):\n    return helper(x)\n"
CHAIN = (
    "import constants_of_a_test.gains\n@kernel\ndef f(x):\n    return x * constants_of_a_test.gains.GAIN\n"
)
KEPT = (
    "from constants_of_a_test import gains\ndef make(m):\n    return kernel(lambda x: {})\nf = make(gains)\n"
)
KEPT_BY_BOTH = KEPT.format("(lambda y: y * m.GAIN)(x)")
ALIAS = "import {} as library\n@kernel\ndef f(x):\n    return library.sqrt(x)\n"
PAIR = "PAIR = {}\n@kernel\ndef f(x):\n    return x + PAIR[0] * PAIR[1]\n"
TWO = "A = {}\nB = {}\n@kernel\ndef f(x):\n    return x + A * B\n"
ENUMERATION = (
    "import enum\nKind = enum.IntEnum('Kind', {})\n@kernel\ndef f(x):\n    return x + (x == Kind.SECOND)\n"
)
RECORD = (
    "import collections\nRow = collections.namedtuple('Row', {}, defaults=[{}])\n"
    "@kernel\ndef f(x):\n    return Row(x, x)[0] + Row(x)[1]\n"
)
TYPE = "import numba\nTYPE = numba.types.{}\n@kernel\ndef f(x):\n    return TYPE(x)\n"
NUMPYS = "import numpy as np\ncompute = np.{}\n@kernel\ndef f(x):\n    return compute(x)\n"
JITTED = "import numba\nhelper = numba.njit({})(lambda x: x / 2)\n@kernel\ndef f(x):\n    return helper(x)\n"
CALLS = (
    "one, two = inner_function(lambda x: x + 1), inner_function(lambda x: x + 2)\n"
    "a, b, c = one, two, {}\n@kernel\ndef f(x):\n    return a(x) + b(x) + c(x)\n"
)
TABLE = "import numpy as np\nT = np.array({}, np.{})\n@kernel\ndef f(x):\n    return x + T.sum()\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((DEFAULT.format("k=1.0"), {}), (DEFAULT.format("k=3.0"), {})),
        ((DEFAULT.format("*, k=1.0"), {}), (DEFAULT.format("*, k=3.0"), {})),
        ((CHAIN, {"gains": "GAIN = 1.0\n"}), (CHAIN, {"gains": "GAIN = 5.0\n"})),
        (
            (KEPT.format("x * m.GAIN"), {"gains": "GAIN = 1.0\n"}),
            (KEPT.format("x * m.GAIN"), {"gains": "GAIN = 5.0\n"}),
        ),
        ((KEPT_BY_BOTH, {"gains": "GAIN = 1.0\n"}), (KEPT_BY_BOTH, {"gains": "GAIN = 5.0\n"})),
        ((ALIAS.format("math"), {}), (ALIAS.format("numpy"), {})),
        ((PAIR.format("(1, 23)"), {}), (PAIR.format("(12, 3)"), {})),
        ((TWO.format(1, 12), {}), (TWO.format(11, 2), {})),
        ((TABLE.format([1, 0], "int32"), {}), (TABLE.format([1], "int64"), {})),
        ((ENUMERATION.format("['FIRST', 'SECOND']"), {}), (ENUMERATION.format("['SECOND', 'FIRST']"), {})),
        ((RECORD.format("['a', 'b']", 1), {}), (RECORD.format("['a', 'b']", 2), {})),
        ((RECORD.format("['a', 'b']", 1), {}), (RECORD.format("['b', 'a']", 1), {})),
        ((TYPE.format("float32"), {}), (TYPE.format("float64"), {})),
        ((NUMPYS.format("sin"), {}), (NUMPYS.format("cos"), {})),
        ((JITTED.format(""), {}), (JITTED.format("error_model='numpy'"), {})),
        ((JITTED.format("'f4(f4)'"), {}), (JITTED.format("'f8(f8)'"), {})),
        ((CALLS.format("one"), {}), (CALLS.format("two"), {})),
    ],
    ids=[
        "default",
        "keyword default",
        "module of a module",
        "module of an enclosing function",
        "module that a function within reads",
        "module of a library",
        "pair",
        "two constants",
        "array",
        "enumeration",
        "default of a named tuple",
        "fields of a named tuple",
        "type",
        "NumPy's function",
        "options",
        "signatures",
        "one of two functions called again",
    ],
)
def test_an_edit_that_a_kernel_can_reach_changes_its_tag(before, after, tmp_path, monkeypatch):
    tags = [tag_of(source, tmp_path, monkeypatch, **modules) for source, modules in (before, after, before)]
    assert tags[0] == tags[2] != tags[1]


class Mode(enum.IntEnum):
    OFF = 0
    ON = 1


Pair = collections.namedtuple("Pair", "left right")
TABLE_OF_NAMES, OBJECTS = {"a": 1}, np.array([None])
module = types.ModuleType("a_module_of_a_test")
module.shape, module.LOCK, module.GAIN = {"a": 1}, threading.Lock(), 2.0


def reads_a_dictionary(x):
    return TABLE_OF_NAMES["a"]


def reads_a_lock(x):
    return module.LOCK


def reads_objects(x):
    return OBJECTS[0]


def reads_a_class(x):
    return collections.OrderedDict(x)[0], Plain(x)


class Plain:
    pass


@numba.vectorize
def vectorised(x):
    return x


def reads_vectorised(x):
    return vectorised(x)


def reads_a_tuple_with_a_set(x, known=(1, {2})):
    return x in known


MODULES = (module, 1.0)


def reads_a_module_by_default(x, known=module):
    return x * known.GAIN


def reads_a_tuple_with_a_module(x):
    return x * MODULES[0].GAIN


def reads_a_module_by_another_name(x):
    known = module

    def multiply(y):
        return y * known.GAIN

    return multiply(x)


def hands_on_a_module(x):
    return multiply(module, x) * module.GAIN


@numba.njit
def multiply(known, x):
    return x * known.GAIN


def names_an_attribute_in_a_string(x):
    return x * getattr(module, "GAIN")  # noqa: B009


def make_reader_of_a_lock(lock):
    def reads_a_kept_lock(x):
        return x if lock else 0

    return reads_a_kept_lock


module.same_module = module


def reads_a_lock_by_another_path(x):
    """The module under its second name has a lock that the first name does not read."""
    return module.GAIN * x if module.same_module.LOCK else x


@numba.njit
def calls_another(x):
    return reads_a_dictionary(x)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (reads_a_dictionary, "reads_a_dictionary reads TABLE_OF_NAMES, a builtins.dict, and"),
        (calls_another, "reads_a_dictionary reads TABLE_OF_NAMES, a builtins.dict, and"),
        (reads_a_lock, "reads_a_lock reads module.LOCK, a _thread.lock, and"),
        (
            reads_a_lock_by_another_path,
            "reads_a_lock_by_another_path reads module.same_module.LOCK, a _thread.lock, and",
        ),
        (reads_objects, "reads_objects reads OBJECTS, a numpy.ndarray, and"),
        (reads_a_class, "reads_a_class reads Plain, a builtins.type, and"),
        (reads_vectorised, "reads_vectorised reads vectorised, a numba.np.ufunc.dufunc.DUFunc, and"),
        (reads_a_module_by_default, "reads_a_module_by_default reads default, a builtins.tuple, and"),
        (reads_a_tuple_with_a_module, "reads_a_tuple_with_a_module reads MODULES, a builtins.tuple, and"),
        (
            reads_a_module_by_another_name,
            "reads_a_module_by_another_name reads module, a builtins.module, and",
        ),
        (hands_on_a_module, "hands_on_a_module reads module, a builtins.module, and"),
        (
            names_an_attribute_in_a_string,
            "names_an_attribute_in_a_string reads module, a builtins.module, and",
        ),
        (
            make_reader_of_a_lock(module.LOCK),
            "make_reader_of_a_lock.<locals>.reads_a_kept_lock reads lock, a _thread.lock, and",
        ),
        (reads_a_tuple_with_a_set, "reads_a_tuple_with_a_set reads default, a builtins.tuple, and"),
    ],
)
def test_values_of_unsupported_types_are_refused(function, expected):
    with pytest.raises(ValueError) as error:
        fingerprint(function)
    assert str(error.value).startswith(expected)


def test_attributes_with_the_name_of_a_global_are_not_taken_for_it():
    def compute(array):
        return array.shape[0] * module.GAIN + array.TABLE_OF_NAMES

    before = fingerprint(compute)
    module.GAIN = 3.0
    try:
        assert fingerprint(compute) != before
    finally:
        module.GAIN = 2.0


def test_members_of_enumerations_and_named_tuples_count_by_value():
    def compute(value):
        return lambda x: x + value

    known = [0, 1, Mode.OFF, Mode.ON, (0, 1), Pair(0, 1), Pair(1, 0), 1.0, True, 1 + 0j]
    assert len({fingerprint(compute(value)) for value in known}) == len(known)
    assert fingerprint(compute(Mode.ON)) == fingerprint(compute(Mode["ON"]))


def test_the_memory_order_of_an_array_counts():
    """numba compiles for it."""

    def compute(table):
        return lambda k: table[0, k]

    table = np.arange(4.0).reshape(2, 2)
    assert fingerprint(compute(table)) != fingerprint(compute(np.asfortranarray(table)))
