"""The next process finds builds on disk, and never uses them for code that has changed."""

import gc
import importlib
import os
import signal
import sys
from pathlib import Path

import numba
import pytest
from numba.core import compiler, registry

from neat.kernels import jit, rng
from tests.support.scripts import run_python

CALLER = """
import helper
from neat.kernels.jit import kernel, inner_function

@inner_function(inline="early")
def twice(x):
    return 2 * helper.changed(x)

@kernel
def compute(x):
    return twice(x)

@inner_function(inline="never", saved_as="half")
def half(x):
    return helper.changed(x) / 2

@kernel
def compute_half(x):
    return half(x)

@kernel
def compute_quarter(x):
    return half(x) / 2
"""
HELPER = """
from neat.kernels.jit import function

STEP = {step}

@function
def changed(x):
    return x {sign} STEP
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that imports the module CALLER, which calls a HELPER, as a new process would."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions within a second look alike to Python
    (tmp_path / "caller.py").write_text(CALLER)

    def import_caller(step, sign="+"):
        (tmp_path / "helper.py").write_text(HELPER.format(step=step, sign=sign))
        importlib.invalidate_caches()
        for name in ("caller", "helper"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module("caller")

    return import_caller


@pytest.fixture
def compute(load):
    """Return a function that returns the kernel `compute` of CALLER."""
    return lambda **change: load(**change).compute


def hits(kernel):
    return sum(kernel.stats.cache_hits.values())


def test_a_build_is_found_again(compute):
    first = compute(step=1)
    assert not jit.is_built(first)
    assert first(20) == 42 and hits(first) == 0
    assert jit.is_built(first)
    again = compute(step=1)
    assert jit.is_built(again)
    assert again(20) == 42 and hits(again) == 1


@pytest.mark.parametrize(("change", "expected"), [({"step": 2}, 44), ({"step": 1, "sign": "-"}, 38)])
def test_a_change_in_what_a_kernel_calls_misses_the_build(compute, change, expected):
    assert compute(step=1)(20) == 42
    changed = compute(**change)
    assert not jit.is_built(changed)
    assert changed(20) == expected and hits(changed) == 0
    unchanged = compute(step=1)
    assert unchanged(20) == 42  # the older build is gone, or right


def test_one_build_of_a_kernel_is_kept(compute, tmp_path):
    for step in (1, 2, 3):
        compute(step=step)(20)
    assert len(list(tmp_path.glob("**/caller.compute-*.nbi"))) == 1


def test_another_kernel_finds_the_build_of_a_saved_function(load):
    first = load(step=1)
    assert first.compute_half(20) == 10.5 and hits(first.half) == 0
    second = load(step=1)
    assert second.compute_quarter(20) == 5.25 and hits(second.half) == 1
    changed = load(step=2)
    assert changed.compute_quarter(20) == 5.5 and hits(changed.half) == 0


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"x" * 99]
)
def test_a_damaged_build_is_compiled_again(damage, load, tmp_path):
    assert load(step=1).compute_half(20) == 10.5
    files = list(tmp_path.glob("**/*.nb[ic]"))
    assert len(files) == 4
    for file in files:
        file.write_bytes(damage(file.read_bytes()))
    again = load(step=1)
    assert again.compute_half(20) == 10.5 and hits(again.half) == 0
    mended = load(step=1)
    assert mended.compute_half(20) == 10.5 and hits(mended.compute_half) == 1


def test_a_build_of_another_signature_is_compiled_again(load, tmp_path):
    """Two processes that write at once can leave such a build."""
    first = load(step=1)
    assert first.compute_half(20) == 10.5 and first.compute_half(0.5) == 0.75
    whole, fraction = sorted(tmp_path.glob("**/caller.half-*.nbc"))
    fraction.write_bytes(whole.read_bytes())
    assert load(step=1).compute_quarter(0.5) == 0.375


NAMESAKES = """
import sys
from neat.kernels import jit

def namesake(number):
    lines = ["def same_name(x):", "    n = 0"]
    for k in range(25):  # too much code to be inlined
        lines += [f"    while x < {k + number}.5 and n < {k * 7 + number}:"]
        lines += [f"        x, n = x * 1.25 + {k * number + 1}.0, n + 1"]
    lines += [f"    return {number}.0 if n >= 0 and x >= -1e30 else x"]
    names = {"__name__": __name__}
    exec(chr(10).join(lines), names)
    return jit.function(names["same_name"])

for _ in range(int(sys.argv[1])):
    jit.function(eval("lambda x: x"))(1.0)
one, two = namesake(1), namesake(2)
one(0.5), two(0.5)

@jit.inner_function(inline="never", saved_as="choose")
def choose(first, x):
    return one(x) if first else two(x)

@jit.kernel
def both(x):
    return choose(True, x), choose(False, x)

print(both(0.5), sum(both.stats.cache_hits.values()))
"""


def test_functions_of_the_same_name_are_distinguished_between_processes(tmp_path):
    """numba numbers functions anew in each process, and a build includes the functions that it calls."""
    script = tmp_path / "namesakes.py"
    script.write_text(NAMESAKES)
    outputs = []
    for shift in "01":
        outputs.append(run_python(script, shift, NUMBA_CACHE_DIR=str(tmp_path)).strip())
    assert outputs == ["(1.0, 2.0) 0", "(1.0, 2.0) 1"]


def test_an_interruption_while_llvm_works_is_not_lost(compute, monkeypatch):
    """Python handles the signal where LLVM calls it, and exceptions are dropped there."""
    notify, seen = registry.cpu_target.target_context.codegen()._engine._ee, []
    before = notify._object_cache_notify

    def interrupted(module, buffer):
        seen.append(module)
        os.kill(os.getpid(), signal.SIGINT)
        before(module, buffer)

    monkeypatch.setattr(notify, "_object_cache_notify", interrupted)
    built = compute(step=17)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        built(1)
    assert seen and signal.getsignal(signal.SIGINT) is handler
    monkeypatch.undo()
    assert built(1) == 36


def test_an_interruption_between_compiler_passes_is_raised_at_once(compute, monkeypatch):
    def interrupted(*arguments, **options):
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the compiler continued")

    built = compute(step=18)
    monkeypatch.setattr(compiler, "compile_extra", interrupted)
    with pytest.raises(KeyboardInterrupt):
        built(1)


def test_an_interruption_is_not_lost_if_compiling_fails(monkeypatch):
    monkeypatch.setattr(jit, "_is_called_by_llvm", lambda frame: True)
    with pytest.raises(KeyboardInterrupt), jit.compiling():
        os.kill(os.getpid(), signal.SIGINT)
        raise ValueError("cannot be compiled")


@pytest.mark.parametrize("is_collecting", [True, False])
def test_garbage_is_not_collected_while_a_kernel_compiles(compute, is_collecting, monkeypatch):
    seen = []
    original = compiler.compile_extra

    def compile_extra(*arguments, **options):
        seen.append(gc.isenabled())
        return original(*arguments, **options)

    monkeypatch.setattr(compiler, "compile_extra", compile_extra)
    before = gc.isenabled()
    (gc.enable if is_collecting else gc.disable)()
    try:
        compute(step=19)(1)
        after = gc.isenabled()
    finally:
        (gc.enable if before else gc.disable)()
    assert seen and not any(seen)
    assert after == is_collecting


def test_a_handler_that_is_installed_in_the_context_stays():
    """A handler can install another one for a second interruption."""
    before, seen = signal.getsignal(signal.SIGINT), []

    def later(number, frame):
        seen.append("second")

    def first(number, frame):
        seen.append("first")
        signal.signal(signal.SIGINT, later)

    try:
        signal.signal(signal.SIGINT, first)
        with jit.compiling():
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["first", "second"]


@pytest.mark.parametrize("kernel", ["gradient_range", "score_range"])
def test_every_process_finds_the_builds(kernel):
    """Names of builds do not depend on the order of sets, which differs between processes."""
    program = f"""
from evaluators.cpu.kernels import {kernel}
from neat.kernels.jit import dispatcher_of

print(dispatcher_of({kernel}()).py_func.__qualname__)
"""
    names = set()
    for seed in "04":  # seeds for which {"contract", "reassoc"} has different orders
        names.add(run_python("-c", program, PYTHONHASHSEED=seed))
    assert len(names) == 1 and kernel in names.pop()


gain = None


@jit.inner_function
def amplify(x):
    return gain * abs(x)


@pytest.mark.parametrize(
    "make",
    [jit.bind_globals, lambda template, **bind: jit.specialise_uncompiled(template, "of a test", bind)],
    ids=["bind_globals", "specialise_uncompiled"],
)
def test_a_name_that_a_template_does_not_have_is_refused(make):
    assert make(amplify, gain=2.0)(-3.0) == 6.0
    assert make(amplify, gain=2.0, abs=lambda x: x)(-3.0) == -6.0, "a builtin name"
    with pytest.raises(AssertionError, match=r"^amplify has no global names \['gian'\] to bind"):
        make(amplify, gian=2.0)


def error_at(*locations):
    """Return an error whose message names these files and lines, innermost first."""
    return ValueError("".join(f'\nFile "{file}", line {line}:' for file, line in locations))


def test_where_a_compiler_stopped(tmp_path):
    def compiled():
        pass

    own = (__file__, compiled.__code__.co_firstlineno)
    for locations, expected in (
        ([], own),
        ([("a/helper.py", 3), own], ("helper.py", 3)),
        ([(numba.__file__, 3), (rng.__file__, 5), ("here.py", 8)], ("here.py", 8)),
        ([(rng.__file__, 5)], own),
        ([(tmp_path / "numba" / "here.py", 8)], ("here.py", 8)),
        ([("<string>", 8)], ("<string>", 8)),
        ([("a\0b.py", 8)], ("a\0b.py", 8)),
    ):
        file, line = expected
        assert jit.locate_error(error_at(*locations), compiled) == f"{Path(file).name}, line {line}"
