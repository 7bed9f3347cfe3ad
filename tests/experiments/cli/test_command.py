"""The installed command `batchneat`, and what type checkers see of an editable install."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.support.paths import ROOT

BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_editable(sys.argv[1]))"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with an editable install of this checkout, and the packages that it needs; the folder of both."""
    folder = tmp_path_factory.mktemp("installed")
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder / "venv")}))
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed"]
    wheel = folder / built.stdout.split()[-1]
    subprocess.run([sys.executable, *install, "--target", packages, wheel], capture_output=True, check=True)
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"))
    return packages


def python(installed):
    return installed.parents[2] / "bin" / "python"


def start(installed, where, *words):
    """Run the command in a folder, without a PYTHONPATH; return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python(installed), installed / "bin" / "batchneat", *words]
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture
def folder_of_a_user(tmp_path):
    """A folder with packages that have the names of ours."""
    for name in ("experiments", "evaluators", "neat"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('this is the folder of the user')")
    return tmp_path


def test_a_users_folder_does_not_hide_ours(installed, folder_of_a_user):
    few = ["--generations", "2", "--population-size", "20", "--quiet", "--output", "out"]
    done = start(installed, folder_of_a_user, "xor", *few, "--runs", "2", "--workers", "2")
    assert done.returncode == 0, done.stderr
    description = json.loads((folder_of_a_user / "out" / "run.json").read_text())
    assert description["starts"][0]["command"].startswith("batchneat xor --generations 2 ")
    assert len((folder_of_a_user / "out" / "summary.csv").read_text().splitlines()) == 3


def test_modules_in_the_current_folder_are_found(installed, folder_of_a_user):
    (folder_of_a_user / "of_the_user.py").write_text("open('imported', 'w').close()")
    pytest.importorskip("gymnasium")
    done = start(installed, folder_of_a_user, "gymnasium", "--env", "of_the_user:None-v0")
    assert done.returncode == 2 and "None" in done.stderr
    assert (folder_of_a_user / "imported").exists()


def test_an_editable_install_is_a_path(installed):
    (path,) = installed.glob("__editable__*.pth")
    assert Path(path.read_text().strip()).samefile(ROOT)


@pytest.mark.long
def test_type_checkers_see_an_editable_install(installed, tmp_path):
    user = tmp_path / "user.py"
    user.write_text(
        "import neat\n"
        'config = neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, mutation={"add_node_rate": 0.1})\n'
        "reveal_type(config.mutation.add_node_rate)\n"
        'config.updated(mutation={"ad_node_rate": 0.1})\n'
        'config.updated(genome={"weight": {"spread": "wide"}})\n'
    )
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")
    }
    options = ["--config-file=", "--follow-imports=silent", "--python-executable", python(installed)]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, user],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    lines = checked.stdout.splitlines()
    assert 'user.py:3: note: Revealed type is "float"' in lines[0]
    assert "user.py:4: error" in lines[1] and "MutationDict" in lines[1]
    assert "user.py:5: error" in lines[2] and "GenomeDict" in lines[2]
    assert lines[-1] == "Found 2 errors in 1 file (checked 1 source file)"


@pytest.mark.parametrize("words", [["--help"], ["no-such-experiment"]])
def test_python_looks_for_garbage_among_few_objects(words):
    program = f"""
import atexit, gc, sys
from experiments.__main__ import run

atexit.register(lambda: print(len(gc.get_objects()) < gc.get_freeze_count()))
sys.argv[1:] = {words}
run()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.endswith("True\n")
