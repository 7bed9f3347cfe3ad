"""The site of docs/: its commands exist, its links work, and the parts that its build generates are whole."""

import re
import shlex
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import evaluators
import neat
from evaluators import gradient
from experiments.cli import flags
from experiments.cli.export import Export
from experiments.cli.models import Play, Predict, Record
from experiments.comparison.compare import Compare
from experiments.comparison.tuning import Tune
from experiments.report.command import Show
from experiments.studies import command
from experiments.tasks.experiment import find_experiment
from neat.config.explanation import list_settings
from tests.support.paths import ROOT
from tests.support.scripts import load_file

check_site = load_file(ROOT / "docs" / "check_site.py")
generated_parts = load_file(ROOT / "docs" / "extensions" / "generated_parts.py")

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = {
    "predict": (Predict, 2),
    "play": (Play, 1),
    "record": (Record, 2),
    "show": (Show, 1),
    "export": (Export, 1),
    "compare": (Compare, 0),
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def shell_lines():
    for path in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            for line in block.splitlines():
                yield path, shlex.split(line, comments=True)


def parse(name, arguments):
    """Parse the arguments of a command of batchneat; raise ValueError for wrong ones."""
    if name == "study":
        command.parse(arguments)
    elif name in COMMANDS:
        options, files = COMMANDS[name]
        if (name, arguments[:1]) == ("compare", ["tune"]):
            options, files = Tune, 1
        flags.read(options, name, arguments[files:])
    elif not {"--help", "--help-all"} & {name, *arguments}:
        experiment = find_experiment(name)
        line = flags.parse(name, experiment, arguments)
        flags.Options(**line.options)
        experiment(**line.experiment)
        sizes = {"num_inputs": 1, "num_outputs": 1}
        preset = line.options.get("preset")
        settings = neat.Config.preset_settings(preset) if preset else {}
        neat.Config(**settings | {"genome": sizes}).updated(**line.settings)


def is_right(words):
    """Whether the docs may say this command; raise ValueError if batchneat does not understand its arguments."""
    match words:
        case [program, *rest] if Path(program).name == "batchneat":
            parse(rest[0], rest[1:])
        case ["python", "-m", "experiments", name, *rest]:
            parse(name, rest)
        case ["python", "-m", module, *_]:
            path = ROOT / module.replace(".", "/")
            return path.with_suffix(".py").exists() or (path / "__main__.py").exists()
        case ["python", script, *_] if script.endswith(".py"):
            return (ROOT / script).exists()
        case ["make", target, *_]:
            return bool(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE))
        case ["pip", "install", package]:
            extras = re.fullmatch(r"(?:batchneat|\.)(?:\[([\w,-]+)\])?", package)
            return extras is not None and set(filter(None, (extras[1] or "").split(","))) <= set(
                PROJECT["optional-dependencies"]
            )
        case [".ci/run"] | ["ray", "start" | "stop", *_] | []:
            return True
        case _:
            return False
    return True


def test_every_command_of_the_docs_is_understood():
    lines = list(shell_lines())
    assert len(lines) > 40
    for path, words in lines:
        try:
            assert is_right(words), f"{path.name}: {words}"
        except ValueError as error:
            raise AssertionError(f"{path.name}: {shlex.join(words)}: {error}") from None


@pytest.mark.parametrize(
    "line",
    [
        "batchneat xor --runz 3",
        "batchneat xorr",
        "batchneat xor --mutation.add-node-rate 2",
        "make tests",
        "rm -r .",
    ],
)
def test_a_wrong_command_would_be_noticed(line):
    try:
        understood = is_right(shlex.split(line))
    except ValueError:
        understood = False
    assert not understood


def test_links_between_the_files_of_the_repository_lead_to_files():
    """The build checks those within docs/ with their headings."""
    for path in PAGES:
        for target in re.findall(
            r"\]\(([\w./-]+\.\w+)(?:#[^)]*)?\)|<img src=\"([^\"]+)\"", path.read_text("utf-8")
        ):
            link = "".join(target)
            assert "://" in link or (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_tables_of_settings_have_every_setting_once():
    tables = generated_parts.settings_tables()
    assert "| `add_node_rate` | `0.05` | `0.03` |" in tables
    assert "| `add_connection_rate` | `0.2` | `0.05`<br>larger: `0.3` |" in tables
    assert "| `mean` | `0.0`, `0.0`, `1.0` | `0.0`, `0.0`, `1.0` |" in tables
    assert not re.search(r"^\|.*\(2002", tables, re.MULTILINE)  # a column says it
    shown = [
        f"{section}.{name}".removeprefix("The run.")
        for part in tables.split("## ")[1:]
        for section in re.findall(r"[\w.]+", part.splitlines()[0].replace("The run", "")) or ["The run"]
        for name in re.findall(r"^\| `(\w+)`", part, re.MULTILINE)
    ]
    assert sorted(shown) == sorted(setting.path for setting in list_settings(neat.Config))


def test_the_reference_has_every_public_module():
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    shown = set(re.findall(r"automodule:: ([\w.]+)", pages))
    for package in (neat, evaluators, gradient):
        modules = [name for name in package.__all__ if isinstance(getattr(package, name), ModuleType)]
        assert {package.__name__, *(f"{package.__name__}.{name}" for name in modules)} <= shown


def test_every_example_is_on_the_site():
    page = generated_parts.examples()
    for path in (ROOT / "examples").glob("*.py"):
        assert f"## {path.name}" in page and path.read_text("utf-8").rpartition("def ")[2].strip() in page


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('<a href="other.html#part">', None),
        ('<a href="https://example.org">', None),
        ('<a href="#gone">', "page.html: #gone has no such heading"),
        ('<a href="gone.html">', "page.html: there is no gone.html"),
        ('<a href="other.html#gone">', "page.html: other.html#gone has no such heading"),
        ('<img src="gone.png">', "page.html: there is no gone.png"),
        ('<script src="https://cdn.example.org/a.js">', "page.html: loads https://cdn.example.org/a.js"),
        ('<link href="//fonts.example.org/a.css">', "page.html: loads //fonts.example.org/a.css"),
    ],
)
def test_the_check_of_the_site_finds(content, fault, tmp_path):
    (tmp_path / "page.html").write_text(content)
    (tmp_path / "other.html").write_text('<h1 id="part">')
    assert check_site.find_faults(tmp_path) == [fault][: fault is not None]


@pytest.mark.parametrize("rule", ["@import 'https://a.org/b.css'", "src: url(//a.org/font.woff2)"])
def test_the_check_of_the_site_finds_style_sheets_that_load(rule, tmp_path):
    (tmp_path / "a.css").write_text(f"body {{ color: red }} {rule}; .x {{ background: url(here.png) }}")
    (fault,) = check_site.find_faults(tmp_path)
    assert fault.startswith("a.css: loads ")
