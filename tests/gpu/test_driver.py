"""Tests of all that is between a launch and a GPU's driver; they need a C compiler, but no GPU."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytest.importorskip("numba_cuda")
COMPILER = shutil.which("cc")


@pytest.mark.long
@pytest.mark.skipif(
    not sys.platform.startswith("linux") or COMPILER is None, reason="needs Linux and a C compiler"
)
def test_launches_on_a_stand_in_for_the_driver(request, tmp_path):
    library = tmp_path / "libcuda.so.1"
    source = Path(__file__).with_name("driver.c")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    path = os.pathsep.join([str(tmp_path), os.environ.get("LD_LIBRARY_PATH", "")])
    environment = {**os.environ, "LD_LIBRARY_PATH": path}
    folder = request.config.cache.mkdir("emulated")
    # The second process finds the builds on disk.
    for part, possible in (("all", {"compiled", "found"}), ("builds", {"found"})):
        done = subprocess.run(
            [sys.executable, "-m", "tests.gpu.on_driver", str(folder), part],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        kernels = [line.split() for line in done.stdout.splitlines()]
        assert {how for how, _ in kernels} <= possible
        assert {name.split("-")[0] for _, name in kernels} == {"compile_programs", "score", "add_pieces"}
