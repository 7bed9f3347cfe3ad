"""Parameters, settings, flags, messages and docs use the same names."""

import ast
import dataclasses
import inspect
import re

import pytest

import evaluators
import neat
from experiments.cli import flags
from experiments.cli.export import Export
from experiments.cli.models import Play, Predict, Record
from experiments.comparison.compare import Compare
from experiments.comparison.tuning import Tune
from experiments.report.command import Show
from experiments.studies.command import StudyOptions
from experiments.tasks.experiment import NAMES, find_experiment
from tests.support.paths import ROOT

TREES = {
    path: ast.parse(path.read_text("utf-8"))
    for package in ("neat", "evaluators", "experiments")
    for path in sorted((ROOT / package).rglob("*.py"))
}
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "docs").rglob("*.ipynb")),
]
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef

COMMANDS = {
    "compare": Compare,
    "tune": Tune,
    "export": Export,
    "predict": Predict,
    "play": Play,
    "record": Record,
    "show": Show,
    "study": StudyOptions,
}
# Options of an experiment that say which task it is; the others are arguments of its evaluator.
TASK = {
    "parity": {"bits"},
    "multiplexer": {"address_bits"},
    "regression": {"data", "formula", "range", "samples", "solved_at", "split_seed", "target", "test_share"},
    "classification": {"data", "split_seed", "target", "test_share"},
    "double-pole": {"constants", "velocities"},
    "t-maze": {"length"},
    "gymnasium": {"env", "target"},
    "environment": {"env", "target"},
}
# In messages: sections of files, and functions that are called by an operator or by `len`.
NO_PARAMETERS = {"TOML", "candidates", "len"}
# Parameters of SymPy, neat-python and scikit-learn in the docs.
OTHER_LIBRARIES = {"cse", "pop_size", "multi_class"}


def parameters(function):
    return set(inspect.signature(function).parameters)


def arguments(function):
    """Return the names of the parameters of a function's definition."""
    args = function.args
    named = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return {each.arg for each in named if each is not None}


def fields(cls):
    """Return the names that the body of a class annotates."""
    return {s.target.id for s in cls.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)}


@pytest.fixture(scope="module")
def nodes():
    """All nodes of the source, by their classes."""
    found = {}
    for tree in TREES.values():
        for node in ast.walk(tree):
            found.setdefault(type(node), []).append(node)
    return found


@pytest.fixture(scope="module")
def known(nodes):
    """The names of all parameters and fields."""
    functions = (*nodes[ast.FunctionDef], *nodes[ast.Lambda])
    return set().union(*map(arguments, functions), *map(fields, nodes[ast.ClassDef]))


def test_options_of_experiments_are_arguments_of_their_evaluators():
    taken = (
        parameters(evaluators.Supervised) | parameters(evaluators.Rollout) | parameters(evaluators.Gymnasium)
    )
    for name in NAMES:
        own = {field.name for field in dataclasses.fields(find_experiment(name))}
        own -= {"learn_rate"}  # an argument of the optimiser, which is one of the evaluator's
        assert own - taken == TASK.get(name, set()), name


def test_what_limits_a_run_has_the_same_name_everywhere():
    estimator = parameters(pytest.importorskip("evaluators.estimators").NEATClassifier)
    run = parameters(neat.Population.run)
    options = {field.name for field in dataclasses.fields(flags.Options)}
    assert run & options == {"generations", "max_evaluations", "max_seconds", "checkpoint_every"}
    assert run & estimator == {"generations", "max_seconds"}
    assert {"population_size", "seed"} <= neat.Config.model_fields.keys()
    assert {"population_size"} <= estimator
    assert {"device"} <= options & estimator & parameters(evaluators.Supervised)
    assert {"max_seconds"} <= parameters(neat.reporting.Progress)


def flags_of(cls):
    return {form for path in flags._paths(cls) for form in flags._flag_forms(path)}


def test_flags_in_the_docs_exist():
    shared = flags_of(flags.Options) | flags_of(neat.Config)
    by_command = {name: shared | flags_of(find_experiment(name)) for name in NAMES}
    by_command |= {name: flags_of(cls) for name, cls in COMMANDS.items()}
    scripts = [*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "tests" / "campaigns").rglob("*.py")]
    anywhere = set().union(*by_command.values(), {"--help", "--help-all"})
    anywhere |= {"--head", "--port", "--address"}  # of `ray start`
    anywhere |= set(re.findall(r'"(--[a-z-]+)"', "".join(path.read_text("utf-8") for path in scripts)))
    used = 0
    for page in PAGES:
        text = page.read_text("utf-8")
        for given in re.findall(r"(?<![\w-])--[a-z][\w.-]*", text):
            assert given in anywhere, f"{page.name}: {given}"
            used += 1
        for command, rest in re.findall(
            r"(?:batchneat|-m experiments)(?: compare(?= tune))? ([a-z-]+)(.*)", text
        ):
            for given in re.findall(r"(?<![\w-])--[a-z][\w.-]*", rest.split("`")[0]):
                assert given in by_command.get(command, anywhere) | {"--help"}, (
                    f"{page.name}: {command} {given}"
                )
    assert used > 50


def test_keywords_in_the_docs_are_parameters(known):
    for page in PAGES:
        prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
        for code in re.findall(r"`([^`\n]+)`", prose):
            for name in re.findall(
                r"(?<![\w.-])([a-z_]\w*)=(?![=A-Z])", code
            ):  # "town=Bonn" is an input's name
                assert name in known | OTHER_LIBRARIES, f"{page.name}: `{code}`"


def test_messages_name_a_parameter_a_field_a_function_or_a_class(nodes, known):
    definitions = {node.name for kind in (ast.FunctionDef, ast.ClassDef) for node in nodes[kind]}
    names = known | NO_PARAMETERS | definitions
    checked = 0
    for node in nodes[ast.Raise]:
        if not isinstance(node.exc, ast.Call) or not node.exc.args:
            continue
        message = node.exc.args[0]
        if isinstance(message, ast.JoinedStr):
            message = message.values[0]
        if not isinstance(message, ast.Constant):
            continue
        if match := re.match(r"([A-Za-z_][\w.]*)(?:\[.*\])?: ", str(message.value)):
            assert match[1].split(".")[-1] in names, message.value
            checked += 1
    assert checked > 200


def documented(docstring):
    """Return the names of the section Args of a docstring."""
    section = re.search(r"^( *)Args:\n((?:\1 +.*\n|\n)+)", docstring + "\n", re.MULTILINE)
    if section is None:
        return []
    return re.findall(rf"^{section[1]}    \*?\*?(\w+): ", section[2], re.MULTILINE)


def test_docstrings_explain_the_parameters_that_there_are(nodes):
    checked = 0
    for cls in nodes[ast.ClassDef]:
        constructors = [f for f in cls.body if isinstance(f, FUNCTIONS) and f.name in ("__init__", "__new__")]
        names = set().union(fields(cls), *map(arguments, constructors))
        for name in documented(ast.get_docstring(cls) or ""):
            assert name in names or not constructors, f"{cls.name}: {name}"
            checked += 1
    for function in nodes[ast.FunctionDef]:
        for name in documented(ast.get_docstring(function) or ""):
            assert name in arguments(function), f"{function.name}: {name}"
            checked += 1
    assert checked > 500


def test_the_glossary_and_the_page_on_structure_name_what_exists():
    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    found = re.findall(r"`([\w.]+)` in `([\w/.]+)`", glossary)
    assert len(found) > 20
    for name, path in found:
        assert re.search(rf"\b{name.split('.')[-1]}\b", (ROOT / path).read_text("utf-8")), f"{name} in {path}"
    for text in (glossary, (ROOT / "docs" / "structure.md").read_text("utf-8")):
        for path in re.findall(r"`((?:neat|evaluators|experiments|tests|benchmarks)/[\w/.]*)`", text):
            assert (ROOT / path).exists(), path
