"""If builds cannot be read or saved, kernels are compiled in memory, with one warning."""

import errno
import importlib
import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest
from numba.core import caching

from neat.kernels import disk_cache, jit
from tests.support.paths import ROOT
from tests.support.scripts import run_python

KERNELS = """
from neat.kernels.jit import kernel, inner_function

@inner_function(inline="never", saved_as="half")
def half(x):
    return x / 2

@kernel
def halve(x):
    return half(x)

@kernel
def add_one(x):
    return x + 1
"""
CALLS = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import kernels
    assert kernels.halve(21) == 10.5 and kernels.add_one(41) == 42
for warning in caught:
    print(warning.category.__name__, warning.message)
print(sum(kernels.add_one.stats.cache_hits.values()), "found")
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that imports the module KERNELS as a new process would."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "kernels.py").write_text(KERNELS)

    def import_kernels():
        monkeypatch.setattr(disk_cache, "_warned", False)
        monkeypatch.delitem(sys.modules, "kernels", raising=False)
        importlib.invalidate_caches()
        return importlib.import_module("kernels")

    return import_kernels


def check_calls(load):
    """Call all kernels and return the texts of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module = load()
        assert module.halve(21) == 10.5 and module.add_one(41) == 42
        assert module.add_one(0.5) == 1.5  # another build of the same kernel
    return [str(warning.message) for warning in caught]


def check_one_warning(texts, reason):
    (text,) = texts
    assert "NUMBA_CACHE_DIR" in text and reason in text and "\n" not in text


def failing_with(number):
    """Return a function that raises OSError with this error number."""

    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return fail


FAULTS = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO]


@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
def test_a_build_that_cannot_be_saved(load, monkeypatch, number):
    monkeypatch.setattr(caching.IndexDataCacheFile, "_open_for_write", failing_with(number))
    check_one_warning(check_calls(load), os.strerror(number))


@pytest.mark.parametrize("step", ["_save_index", "_save_data"])
def test_a_build_that_is_saved_in_part(load, monkeypatch, step):
    with monkeypatch.context() as context:
        context.setattr(caching.IndexDataCacheFile, step, failing_with(errno.ENOSPC))
        assert len(check_calls(load)) == 1
    assert check_calls(load) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS], ids=errno.errorcode.get)
def test_a_damaged_build_that_cannot_be_replaced(load, monkeypatch, tmp_path, number):
    assert check_calls(load) == []
    for file in tmp_path.glob("**/*.nb[ic]"):
        file.write_bytes(b"x" * 99)
    with monkeypatch.context() as context:
        context.setattr(caching.IndexDataCacheFile, "_open_for_write", failing_with(number))
        assert len(check_calls(load)) == 1
    assert check_calls(load) == []


def test_a_build_that_cannot_be_read(load, monkeypatch):
    assert check_calls(load) == []
    with monkeypatch.context() as context:
        context.setattr(caching.IndexDataCacheFile, "_load_index", failing_with(errno.EIO))
        check_one_warning(check_calls(load), os.strerror(errno.EIO))


def test_an_older_build_that_cannot_be_deleted(load, monkeypatch, tmp_path):
    (tmp_path / "__pycache__").mkdir()
    old = tmp_path / "__pycache__" / f"kernels.halve-{'0' * 16}-9.py.nbi"
    old.touch()
    with monkeypatch.context() as context:
        context.setattr(Path, "unlink", failing_with(errno.EPERM))
        assert check_calls(load) == []
    assert old.exists()
    load()
    assert not old.exists()


def run(tmp_path, prelude="", **environment):
    """Return the output of a new process that calls all kernels and cannot write to a home directory."""
    environment = {
        "HOME": os.devnull,
        "XDG_CACHE_HOME": os.devnull,
        "PYTHONDONTWRITEBYTECODE": "1",
        **environment,
    }
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{prelude}\n{CALLS}"
    return run_python("-c", program, folder=ROOT, timeout=120, **environment).splitlines()


def test_no_place_for_builds(load, tmp_path):
    (tmp_path / "__pycache__").write_text("a file, in which not even root can make a folder")
    *texts, hits = run(tmp_path)
    assert hits == "0 found"
    check_one_warning(texts, "NotADirectoryError")
    assert texts[0].startswith("RuntimeWarning")
    *texts, hits = run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "kernels.py"))
    assert hits == "0 found" and len(texts) == 1
    assert run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "place")) == ["0 found"]
    assert run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "place")) == ["1 found"]


READ_ONLY = """
import errno, os, tempfile
def refuse(*arguments, **options):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))
tempfile.TemporaryFile = refuse  # numba calls it to check whether a folder is writable
"""


@pytest.mark.parametrize("where", [None, "place"])
def test_builds_in_a_read_only_folder_are_used(load, tmp_path, where):
    """A container's image has such builds. The builds of neat's kernels are loaded in the same way."""
    environment = {} if where is None else {"NUMBA_CACHE_DIR": str(tmp_path / where)}
    assert run(tmp_path, **environment)[-1] == "0 found"
    assert run(tmp_path, READ_ONLY, **environment) == ["1 found"]


def test_a_limit_on_the_size_of_files(load, tmp_path):
    pytest.importorskip("resource")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))"
    *texts, hits = run(tmp_path, limit)
    assert hits == "0 found"
    check_one_warning(texts, "File too large")
    assert not list(tmp_path.glob("**/*.tmp.*"))


def test_can_be_saved(load, tmp_path):
    kernel = load().halve
    assert jit.can_be_saved(kernel)
    shutil.rmtree(tmp_path / "__pycache__")  # Python may have written bytecode there
    (tmp_path / "__pycache__").write_text("")
    assert not jit.can_be_saved(kernel) and not jit.is_built(kernel)
