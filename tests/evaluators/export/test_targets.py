"""What exports look like, and how they are used."""

import ast
import json
import pickle
import random
import re
import subprocess
import sys

import numpy as np
import pytest

import neat
from evaluators import export
from evaluators.export import Interface
from tests.support import exporting
from tests.support.exporting import needs_compiler
from tests.support.reference import random_genome

NAMED = Interface(["length*/ \\", 'width"""'], ["/*big??/", "node_2"])
SCALED = Interface(
    ["length", "width"],
    ["big", "small"],
    [1.0, -2.5],
    [0.1, 3.0],
    output_shift=[0.5, 0.0],
    output_scale=[2.0, 1.0],
)


def make_genome(feed_forward=True, seed=1, **options):
    data = random_genome(
        random.Random(seed), feed_forward=feed_forward, bias_input=True, sizes=(2, 2), **options
    )
    return neat.Genome.from_dict(data)


def run_source(source, name="activate"):
    namespace = {}
    exec(source, namespace)
    return namespace[name]


@pytest.mark.parametrize("feed_forward", [True, False])
def test_scales_surround_the_network(feed_forward, tmp_path):
    genome = make_genome(feed_forward, activations=["tanh", "identity"], aggregations=["sum"])
    raw = np.array([[3.0, 4.0], [-1.0, 0.5]], np.float32)
    inside = (raw - np.float32([1.0, -2.5])) / np.float32([0.1, 3.0])
    expected = exporting.of_activate(genome, inside[None])[0] * [2.0, 1.0] + [0.5, 0.0]

    def outputs(result):
        return np.asarray(result if feed_forward else result[0])

    numpy_outputs = outputs(run_source(export.to_numpy(genome, SCALED))(raw))
    assert numpy_outputs.dtype == np.float32
    np.testing.assert_allclose(numpy_outputs, expected, rtol=1e-5, atol=1e-6)
    if exporting.COMPILER:
        library = exporting.compile_c([export.to_c(genome, SCALED)], tmp_path)
        np.testing.assert_allclose(
            exporting.run_c(library.activate, genome, raw[None])[0], expected, 1e-5, 1e-6
        )
    if exporting.available("torch"):
        import torch

        result = outputs([part.detach() for part in export.to_torch(genome, SCALED)(torch.from_numpy(raw))])
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    if exporting.available("sympy"):
        inputs, expressions, state, _ = export.to_sympy(genome, SCALED)
        assert [str(symbol) for symbol in inputs] == ["length", "width"]
        values = dict(zip(inputs, raw[0].tolist(), strict=True)) | dict.fromkeys(state, 0.0)
        got = [float(expression.subs(values)) for expression in expressions]
        np.testing.assert_allclose(got, expected[0], rtol=1e-5, atol=1e-6)


@needs_compiler
@pytest.mark.parametrize("feed_forward", [True, False])
def test_c_compiles_without_warnings(feed_forward, tmp_path):
    genome = make_genome(feed_forward)
    for interface in (NAMED, SCALED, Interface()):
        source = export.to_c(genome, interface, name="champion")
        assert ("champion_state *state" in source) is not feed_forward
        (tmp_path / "champion.c").write_text(source, "utf-8")
        strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-Wdouble-promotion"]
        subprocess.run([exporting.COMPILER, *strict, "-c", "champion.c"], cwd=tmp_path, check=True)


def test_numbers_are_restored_exactly():
    weights = np.random.default_rng(0).normal(size=50).astype(np.float32) * np.float32(10) ** np.arange(
        -25, 25
    )
    links = [
        {"innovation": k, "source": k, "target": 50, "weight": float(weight)}
        for k, weight in enumerate(weights)
    ]
    genome = neat.Genome.from_dict(
        {"num_inputs": 50, "num_outputs": 1, "nodes": [{"id": 50}], "connections": links}
    )
    tree = ast.parse(export.to_numpy(genome))
    written = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    numbers = {np.float32(value) for value in written if isinstance(value, float)}
    assert set(np.abs(weights.astype(np.float32))) <= numbers


def test_numpy_source_is_one_function_that_takes_any_shape():
    source = export.to_numpy(make_genome(), NAMED, name="predict")
    imported, function = ast.parse(source).body
    assert ast.unparse(imported) == "import numpy as np"
    assert 'inputs[..., 1]: width"""' in ast.get_docstring(function)
    predict = run_source(source, "predict")
    batch = np.random.default_rng(0).normal(size=(2, 3, 2))
    assert predict(batch).shape == (2, 3, 2)
    np.testing.assert_allclose(predict(batch[0, 1]), predict(batch)[0, 1], rtol=1e-6)


def test_long_statements_are_wrapped():
    genome = make_genome(hidden=12, seed=3)
    for source in (export.to_c(genome), export.to_numpy(genome)):
        assert max(map(len, source.splitlines())) < 130


@pytest.mark.parametrize(
    ("name", "source", "equation"),
    [
        ("steepened_sigmoid", "1.0f / (1.0f + expf(-4.9f * x))", r"\frac{1}{1 + e^{- 4.9 x}}"),
        ("gauss", "expf(-x * x)", r"e^{- x^{2}}"),
        ("softplus", "activate_larger(x, 0.0f) + log1pf(expf(-fabsf(x)))", r"\log{\left(e^{x} + 1 \right)}"),
        (
            "inv",
            "(x == 0.0f ? 0.0f : 1.0f / x)",
            r"\begin{cases} 0 & \text{for}\: x = 0 \\\frac{1}{x} & \text{otherwise} \end{cases}",
        ),
    ],
)
def test_people_can_read_activations(name, source, equation):
    pytest.importorskip("sympy")
    genome = make_genome(activations=[name], hidden=0)
    assert f"    return {source};\n" in export.to_c(genome)
    assert f"(x) &= {equation}\n" in export.to_latex(genome)


def test_json_restores_the_genome():
    genome = make_genome(False)
    assert neat.Genome.from_dict(json.loads(export.to_json(genome))) == genome


def test_ids_that_browsers_would_round_are_strings_in_json_and_short_elsewhere():
    data = make_genome(False).to_dict()
    hidden = [node["id"] for node in data["nodes"]][data["num_outputs"] :]
    new = {node: 2**63 - 99 + node for node in hidden}
    for node in data["nodes"]:
        node["id"] = new.get(node["id"], node["id"])
    for number, gene in enumerate(data["connections"]):
        gene |= {key: new.get(gene[key], gene[key]) for key in ("source", "target")}
        gene["innovation"] = 2**53 - 2 + number
    genome = neat.Genome.from_dict(data)
    read = json.loads(export.to_json(genome))
    assert neat.Genome.from_dict(read) == genome
    assert [node["id"] for node in read["nodes"]][data["num_outputs"] :] == [str(id_) for id_ in new.values()]
    numbers = [gene["innovation"] for gene in read["connections"]]
    assert numbers[:3] == [2**53 - 2, 2**53 - 1, str(2**53)]
    source = export.to_numpy(genome)
    assert str(2**63)[:6] not in source and f"node_{data['num_inputs'] + data['bias_input']}" in source


@pytest.mark.parametrize("text", ["", "-1", "1.0", "٣x", str(2**63), "9" * 30])
def test_text_that_is_no_id_is_refused(text):
    data = make_genome(False).to_dict()
    data["nodes"][-1]["id"] = text
    with pytest.raises(ValueError, match=r"nodes\.\d+\.id|id: "):
        neat.Genome.from_dict(data)


@pytest.mark.parametrize("feed_forward", [True, False])
def test_latex_defines_every_name_that_it_uses(feed_forward):
    pytest.importorskip("sympy")
    genome = export.simplify(make_genome(feed_forward, seed=8))
    text = export.to_latex(genome, Interface(["a_b", "c"], ["u", "v"]))
    assert text.startswith("\\begin{aligned}\n") and text.endswith("\n\\end{aligned}\n")
    assert text.count("{") == text.count("}")
    left = [line.partition(" &= ")[0] for line in text.splitlines()[1:-1]]
    used = {n["activation"].replace("_", "\\_") for n in genome.nodes} - {"identity"}
    assert {f"\\mathrm{{{name}}}(x)" for name in used} == {name for name in left if name.endswith("(x)")}
    assert len(left) == len(genome.nodes) + len(used)
    assert ("t-1" in text) is not feed_forward
    assert ("\\mathrm{u}" if feed_forward else "\\mathrm{u}_{t}") in left


def test_an_input_named_like_a_symbol_of_the_state_is_refused():
    pytest.importorskip("sympy")
    interface = Interface(["x", "node_3"])
    with pytest.raises(
        ValueError, match=r"^input_names: 'node_3' is the symbol of a node; choose another name$"
    ):
        export.to_sympy(make_genome(False), interface)
    assert [symbol.name for symbol in export.to_sympy(make_genome(True), interface).inputs] == ["x", "node_3"]


def test_onnx_model_states_its_opset_and_names():
    onnx = pytest.importorskip("onnx")
    for feed_forward in (True, False):
        model = export.to_onnx(make_genome(feed_forward), Interface(["a", "b"], ["u", "v"]))
        onnx.checker.check_model(model, full_check=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert {p.key: json.loads(p.value) for p in model.metadata_props} == {
            "input_names": ["a", "b"],
            "output_names": ["u", "v"],
        }
        extra = [] if feed_forward else ["state"]
        assert [value.name for value in model.graph.input] == ["inputs", *extra]


def test_a_torch_module_trains_and_returns_its_genome():
    torch = pytest.importorskip("torch")
    genome = make_genome(activations=["tanh", "elu"], aggregations=["sum", "mean", "max"], hidden=4, seed=4)
    module = export.to_torch(genome)
    inputs = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
    targets = module(inputs).detach()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.from_numpy(np.random.default_rng(1).normal(size=parameter.shape)).float()
    optimiser = torch.optim.Adam(module.parameters(), 0.02)
    losses = []
    for _ in range(100):
        loss = ((module(inputs) - targets) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    trained = pickle.loads(pickle.dumps(module)).to_genome()
    assert trained != genome and trained.genomes.description == genome.genomes.description
    with torch.no_grad():
        expected = module(inputs).numpy()
    np.testing.assert_allclose(exporting.of_activate(trained, inputs.numpy()[None])[0], expected, 1e-4, 1e-6)


def test_gradients_are_finite_where_a_branch_that_is_not_taken_has_none():
    torch = pytest.importorskip("torch")
    names = ["inv", "elu", "selu", "sigmoid", "softplus", "exp"]
    nodes = [{"id": 1 + k, "activation": name} for k, name in enumerate(names)]
    links = [{"innovation": k, "source": 0, "target": 1 + k, "weight": 1.0} for k in range(len(names))]
    genome = neat.Genome.from_dict(
        {"num_inputs": 1, "num_outputs": len(names), "nodes": nodes, "connections": links}
    )
    module = export.to_torch(genome)
    module(torch.tensor([[0.0], [500.0], [-500.0]])).sum().backward()
    assert torch.isfinite(module.weight.grad).all() and torch.isfinite(module.bias.grad).all()


@pytest.mark.parametrize("name", [".c", ".py", ".json", ".onnx", ".txt", ".tex"])
def test_files(name, tmp_path):
    if name in (".txt", ".tex", ".onnx"):
        pytest.importorskip("onnx" if name == ".onnx" else "sympy")
    genome = make_genome()
    export.export(genome, tmp_path / f"champion{name}")
    (written,) = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    format = next(key for key, entry in export.FORMATS.items() if entry.suffix == name)
    content = export.render(genome, format)
    assert written.read_bytes() == (content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(
    ("interface", "message"),
    [
        (Interface(["a"]), "input_names: expected 2 inputs, got 1"),
        (Interface("ab"), "input_names: expected a list of text, got 'ab'"),
        (Interface(["a", "a"]), r"input_names: expected different names, got \['a', 'a'\]"),
        (Interface(["a", "b\n"]), r"input_names: expected printable text on one line, got 'b\\n'"),
        (Interface(output_names=["a", 3]), r"output_names: expected a list of text, got \['a', 3\]"),
        (Interface(input_shift=[1, 2, 3]), "input_shift: expected 2 inputs, got 3"),
        (
            Interface(input_shift=[[1, 2]]),
            r"input_shift: expected a number for each input, got shape \(1, 2\)",
        ),
        (
            Interface(output_scale=[1, np.nan]),
            r"output_scale: expected finite float32 numbers, got nan at \(1,\)",
        ),
        (Interface(input_scale=[1, 0]), "input_scale: expected numbers other than 0 in float32, got 0"),
    ],
)
def test_a_wrong_interface_is_refused(interface, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        export.to_c(make_genome(), interface)


@pytest.mark.parametrize("name", ["", "2x", "a b", "for", "x" * 64, 3, "ä"])
def test_a_wrong_name_is_refused(name):
    for target in (export.to_c, export.to_numpy):
        with pytest.raises(ValueError, match=r"^name: expected a letter, then at most 62 letters.*, got "):
            target(make_genome(), name=name)


@pytest.mark.skipif(exporting.COMPILER is None, reason="needs a C compiler")
@pytest.mark.parametrize("standard", ["c99", "gnu17", "gnu2x"])
def test_names_in_the_header_are_refused_in_c(standard):
    header, macros = (
        subprocess.run(
            [exporting.COMPILER, f"-std={standard}", "-E", *options, "-"],
            input="#include <math.h>",
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for options in (["-P"], ["-dM"])
    )
    names = {name for name in re.findall(r"(\w+) ?\(", header) if re.match("[A-Za-z]", name)}
    names |= set(re.findall(r"^#define ([A-Za-z]\w*)", macros, re.MULTILINE))
    assert {"sinf", "expl", "atan2", "isnan", "NAN"} < names
    for name in [*sorted(names), *(["signgam"] if "signgam" in header else []), "true"]:
        with pytest.raises(ValueError, match=rf"^name: .* not a reserved word or name, got '{name}'$"):
            export.to_c(make_genome(), name=name)
    assert "def sinf(inputs):" in export.to_numpy(make_genome(), name="sinf")


def test_other_bad_input_is_refused(tmp_path):
    targets = (export.to_c, export.to_numpy, export.to_json)
    for target in targets:
        with pytest.raises(ValueError, match=r"^genome: expected a neat.Genome, got 3$"):
            target(3)
    with pytest.raises(ValueError, match=r"^format: expected one of c, numpy, .*, got 'cpp'$"):
        export.render(make_genome(), "cpp")
    with pytest.raises(ValueError, match=r"^path: expected a name that ends with \.c, .*, got champion.cpp$"):
        export.export(make_genome(), tmp_path / "champion.cpp")


@pytest.mark.parametrize(
    ("target", "package"),
    [
        (export.to_onnx, "onnx"),
        (export.to_sympy, "sympy"),
        (export.to_latex, "sympy"),
        (export.to_torch, "torch"),
    ],
)
def test_a_missing_package_is_named(target, package, monkeypatch):
    monkeypatch.delitem(sys.modules, "evaluators.export.torch_module", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'batchneat\[{package}\]'$"):
        target(make_genome())
