"""The import direction and other rules about the source that no linter holds."""

import ast
import functools
import re
import warnings

import networkx
import pytest

from tests.support.paths import ROOT

PACKAGES = ("neat", "evaluators", "experiments")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
OTHERS = sorted(path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
OURS = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for p in SOURCES}

MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 60  # all below
MOST_PARAMETERS = 8
# Public functions whose further parameters are keyword-only: these may take more.
CALLED_BY_KEYWORD = {
    "evaluators.distributed.evaluator.Distributed.__init__",
    "evaluators.estimators.base.NEATEstimator.__init__",
    "evaluators.estimators.classifier.NEATClassifier.__init__",
    "evaluators.gradient.evolved.fit_weights",
    "evaluators.gradient.training.fit",
    "evaluators.gymnasium.evaluator.Gymnasium.__init__",
    "evaluators.supervised.Supervised.__init__",
    "neat.population.Population.run",
}

# The parts of neat, lowest first: a file imports from its own part and from lower ones.
PARTS = (
    {"support", "neat_python_conflict"},
    {"kernels"},
    {"processes"},
    {"activations", "node_functions"},
    {"genome"},
    {"config", "evaluation"},
    {"evolution"},
    {"state"},
    {"population"},
    {"io", "reporting", "plot"},
    {"study", "islands"},
)
GPU_COMPILER = {"gradient_kernels", "kernels", "launcher", "numba_patches"}  # files of evaluators/gpu
# Files that hold an engine (evaluators/engine.py), which alone knows where networks are.
ON_ANY_DEVICE = ("supervised", "rollout", "network", "gradient/evolved", "gradient/differentiation")
# Parts of neat.
EVALUATORS_MAY = {"activations", "config", "evaluation", "genome", "kernels", "processes", "support"}
ESTIMATORS_MAY = {*EVALUATORS_MAY, "population"}  # they run the evolution


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path, at_import_only=False):
    """Full names of the modules that a file imports; at import only: not in functions or for type checkers."""
    nodes = list(ast.parse(path.read_text("utf-8")).body)
    found = set()
    while nodes:
        node = nodes.pop()
        if at_import_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if at_import_only and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in OURS else node.module)
        nodes.extend(ast.iter_child_nodes(node))
    return found


def calls(path):
    """Names of the functions that a file calls directly."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return {n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def changes(tree, *packages):
    """The assignments and calls of `setattr` by which code changes what it imports from these packages."""
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            imported |= {
                alias.asname or (alias.name if start else alias.name.split(".")[0])
                for alias in node.names
                if below(start + alias.name, *packages)
            }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
            changed = node.args[0]
        elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            changed = node
        else:
            continue
        if {each.id for each in ast.walk(changed) if isinstance(each, ast.Name)} & imported:
            yield ast.unparse(node)


def package(path):
    return path.relative_to(ROOT).parts[0]


def below(module, *parents):
    return any(module == parent or module.startswith(f"{parent}.") for parent in parents)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rules_of_a_file(path):
    name, where = path.stem, package(path)
    imported = imports(path)
    if where == "neat":
        assert not [m for m in imported if below(m, "evaluators")], "neat never imports evaluators"
        # Worker processes exchange pickles; files hold no code.
        assert "pickle" not in imported or path.parent.name == "processes"
    if where == "evaluators":
        of_neat = {m.split(".")[1] if "." in m else m for m in imported if below(m, "neat")}
        assert of_neat <= (ESTIMATORS_MAY if path.parent.name == "estimators" else EVALUATORS_MAY)
    if where != "experiments":
        assert not [m for m in imported if below(m, "experiments")], "nothing imports experiments"
        assert "print" not in calls(path), "the library does not print"
    if [m for m in imported if below(m, "numba.cuda")]:
        assert path.parent == ROOT / "evaluators" / "gpu" and name in GPU_COMPILER, (
            "numba.cuda is imported where kernels are written and compiled"
        )
    if [m for m in imported if below(m, "cupy", "cupyx")]:
        assert path == ROOT / "evaluators" / "devices.py", "only devices.py imports cupy"
    assert "random" not in imported, "random numbers are Philox's"
    assert not [m for m in imported if below(m, "unittest")], "only tests replace what others define"
    assert not re.search(r"set_allocator|MemoryPool\(", path.read_text("utf-8")), (
        "cupy's memory pool is the user's as well"
    )
    if name != "numba_patches":
        tree = ast.parse(path.read_text("utf-8"))
        assert not list(changes(tree, "numba.cuda")), "numba_patches.py holds all changes to numba-cuda"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from numba.cuda import dispatcher\ndispatcher.compile_cuda = None", 1),
        ("from numba import cuda\nsetattr(cuda.compiler, 'compile_cuda', None)", 1),
        ("def f():\n    import numba.cuda\n    del numba.cuda.compiler.compile_cuda", 1),
        ("import numba.cuda.compiler as c\nvars(c)['compile_cuda'] = c.later = None", 2),
        ("from numba.cuda import compiler\nx.y = compiler.compile_cuda\nsetattr(x, 'y', compiler)", 0),
        ("from numba import types\ntypes.float32 = None", 0),
    ],
)
def test_changes_to_a_package_are_found(source, found):
    assert len(list(changes(ast.parse(source), "numba.cuda"))) == found


def test_no_file_imports_itself_through_others():
    """Neither at the top, nor inside functions, nor under `if TYPE_CHECKING`."""
    graph = networkx.DiGraph()
    for path in SOURCES:
        graph.add_edges_from((module_of(path), other) for other in imports(path) if other in OURS)
    cycles = [sorted(group) for group in networkx.strongly_connected_components(graph) if len(group) > 1]
    assert not cycles


def part(module):
    return module.split(".")[1]


def test_parts_of_neat():
    level = {name: k for k, names in enumerate(PARTS) for name in names}
    for path in SOURCES:
        module = module_of(path)
        if package(path) != "neat" or module == "neat":
            continue
        for other in imports(path):
            if below(other, "neat") and other != "neat":
                assert level[part(other)] <= level[part(module)], f"{module} imports {other}"


def decisions(tree):
    """The expressions by which a file's code branches."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield node.test
        elif isinstance(node, ast.BoolOp | ast.Compare | ast.Match):
            yield node.subject if isinstance(node, ast.Match) else node
        elif isinstance(node, ast.comprehension):
            yield from node.ifs


@pytest.mark.parametrize("name", ON_ANY_DEVICE)
def test_no_branch_on_the_device(name):
    path = ROOT / "evaluators" / f"{name}.py"
    found = [ast.unparse(each) for each in decisions(ast.parse(path.read_text("utf-8")))]
    assert found
    assert not [each for each in found if re.search("device|cuda|cpu|gpu|namespace", each, re.IGNORECASE)]
    assert not [m for m in imports(path) if below(m, "evaluators.cpu", "evaluators.gpu")]


def test_no_comment_follows_a_closing_bracket_on_its_line():
    """The formatter hangs a long trailing comment there, away from what it explains."""
    hanging = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (*SOURCES, *sorted((ROOT / "tests").rglob("*.py")))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.match(r"\s*[])}]+,?\s+#(?! fmt)", line)
    ]
    assert not hanging


def test_files_are_short():
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in (*SOURCES, *OTHERS)}
    assert not {module_of(path): count for path, count in lines.items() if count >= MOST_LINES}


@functools.cache
def functions(path):
    """(name with its class, node) of every function in a file."""

    def inside(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                continue  # holds no functions with names, and most nodes of a file
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            name = f"{prefix}.{child.name}" if named else prefix
            if named and not isinstance(child, ast.ClassDef):
                yield name, child
            yield from inside(child, name)

    return list(inside(ast.parse(path.read_text("utf-8")), module_of(path)))


def positional(function):
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def parameters(function):
    return positional(function) + len(function.args.kwonlyargs)


def test_functions_are_short():
    found = [each for path in (*SOURCES, *OTHERS) for each in functions(path)]
    lines = {name: node.end_lineno - node.lineno + 1 for name, node in found}
    assert not {name: count for name, count in lines.items() if count >= MOST_LINES_OF_A_FUNCTION}


def test_functions_take_few_parameters():
    found = [each for path in SOURCES for each in functions(path)]
    assert {name for name, node in found if parameters(node) > MOST_PARAMETERS} == CALLED_BY_KEYWORD
    assert not {name for name, node in found if positional(node) > MOST_PARAMETERS}


def test_optional_dependencies_are_imported_where_used():
    optional = (
        "tensorboardX",
        "sklearn",
        "pandas",
        "cupy",
        "cupyx",
        "ray",
        "gymnasium",
        "onnx",
        "sympy",
        "torch",
        "matplotlib",
        "networkx",
        "rich",
    )
    # Classes whose base is another package's; nothing else imports these modules at its top.
    adapters = (
        "evaluators.environments.as_gymnasium",
        "evaluators.gymnasium.vector",
        "evaluators.gymnasium.observations",
        "evaluators.export.sympy_functions",
        "evaluators.export.torch_module",
        "neat.plot.figure",
        "evaluators.estimators",
        "evaluators.estimators.base",
        "evaluators.estimators.classifier",
        "evaluators.estimators.regressor",
    )
    for path in SOURCES:
        if module_of(path) in adapters:
            continue
        at_top = [
            module for module in imports(path, at_import_only=True) if below(module, *optional, *adapters)
        ]
        assert not at_top, f"{path}: {at_top}"


@pytest.mark.parametrize("category", [DeprecationWarning, PendingDeprecationWarning, FutureWarning])
def test_what_our_own_code_uses_is_not_deprecated(category):
    def warn(module):
        warnings.warn_explicit("will be gone", category, f"{module}.py", 1, module=module, registry={})

    for module in (
        "neat.kernels.jit",
        "evaluators",
        "evaluators.gradient.nn",
        "experiments.__main__",
        "benchmarks.parts.gpu",
    ):
        with pytest.raises(category):
            warn(module)
    with pytest.warns(category):
        warn("numpy")
