"""Functions that only kernels call get no machine code of their own, and work as before."""

import importlib
import sys

import numba
import pytest
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen

from neat.kernels.machine_code import IS_SUPPORTED

pytestmark = pytest.mark.skipif(not IS_SUPPORTED, reason="only for one version of numba")

SOURCE = """
from neat.kernels.jit import function, inner_function, kernel

@inner_function(inline="never")
def inner(x):
    return x + 1

@inner_function(inline="never", saved_as="kept")
def kept(x):
    return inner(x) * 2

@function
def shared(x):
    return x * 10

@inner_function(inline="never")
def countdown(n):
    return 0 if n < 1 else 1 + countdown(n - 1)

@inner_function(inline="never", allocates=True)
def refuse(x):
    if x > 2:
        raise ValueError("too much", x)
    return x

@kernel
def refusing(x):
    return refuse(x)

@kernel
def only_inner(x):
    return kept(x) + inner(x)

@kernel
def another(x):
    return kept(x) - inner(x)

@kernel
def with_shared(x):
    return shared(inner(x))

@kernel
def recursive(n):
    return countdown(n)
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that imports the module SOURCE as a new process would."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "kernels_with_helpers.py").write_text(SOURCE)

    def import_kernels():
        monkeypatch.delitem(sys.modules, "kernels_with_helpers", raising=False)
        return importlib.import_module("kernels_with_helpers")

    return import_kernels


@pytest.fixture
def generated(monkeypatch):
    """Return the list to which numba adds the name of each module for which it generates machine code."""
    names, add = [], JITCPUCodegen._add_module
    monkeypatch.setattr(
        JITCPUCodegen,
        "_add_module",
        lambda codegen, module: names.append(module.name) or add(codegen, module),
    )
    return names


def test_a_kernel_is_the_only_module_with_machine_code(load, generated):
    assert load().only_inner(3) == 12
    assert len(generated) == 1 and "only_inner" in generated[0]


def test_a_function_that_is_saved_on_disk_is_found_without_machine_code(load, generated):
    load().only_inner(3)
    generated.clear()
    module = load()
    assert module.another(3) == 4
    assert sum(module.kept.stats.cache_hits.values()) == 1
    assert len(generated) == 1 and "another" in generated[0]


def test_python_can_call_functions_that_a_kernel_has_compiled(load):
    module = load()
    assert module.with_shared(3) == 40
    assert module.shared(3) == 30


def test_a_recursive_function_works_in_this_process_and_from_disk(load):
    assert [load().recursive(5) for _ in range(2)] == [5, 5]


def test_numba_is_unchanged_outside_the_compilation_of_kernels(load, generated):
    before = JITCPUCodegen._library_class, JITCPUCodegen.set_env
    load().only_inner(3)
    assert (JITCPUCodegen._library_class, JITCPUCodegen.set_env) == before and before[0] is JITCodeLibrary
    helper = numba.njit(lambda x: x + 1)
    generated.clear()
    assert numba.njit(lambda x: helper(x))(1) == 2
    assert len(generated) == 2


def test_an_exception_of_a_linked_function_has_its_values(load):
    for _ in range(2):  # compiled, and from disk
        with pytest.raises(ValueError, match="too much") as caught:
            load().refusing(5)
        assert caught.value.args == ("too much", 5)
