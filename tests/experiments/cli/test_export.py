import json

import pytest

import evaluators
from evaluators.export import to_c, to_json
from experiments.__main__ import main
from neat import Genome

CHAMPION = {
    "num_inputs": 2,
    "num_outputs": 1,
    "nodes": [{"id": 2, "activation": "tanh"}, {"id": 3, "bias": 2.0, "activation": "identity"}],
    "connections": [
        {"innovation": 0, "source": 0, "target": 2, "weight": 0.1},
        {"innovation": 1, "source": 3, "target": 2, "weight": 0.5},
    ],
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "champion.json").write_text(json.dumps(CHAMPION))
    return tmp_path / "run"


def test_the_champion_of_a_run_is_printed_or_written(run, capsys):
    genome = Genome.from_dict(CHAMPION)
    assert main(["export", "run", "--format", "c"]) == 0
    assert capsys.readouterr().out == to_c(genome)
    assert main(["export", "run/champion.json", "--output", "network.json", "--simplify"]) == 0
    (node,) = json.loads((run.parent / "network.json").read_text())["nodes"]
    assert node["bias"] == 1.0
    assert main(["export", "run", "--format", "json", "--output", "copy.txt"]) == 0
    assert (run.parent / "copy.txt").read_text() == to_json(genome)
    assert capsys.readouterr().out == ""


def test_the_file_of_a_model_is_exported_with_its_scales_or_without(run, capsys):
    genome = Genome.from_dict(CHAMPION)
    data = [[1.0, 10.0], [2.0, 30.0]]
    model = evaluators.Supervised(data, [1.0, 5.0], standardise=True, input_names=["a", "b"]).model(genome)
    model.save("own.json")
    assert main(["export", "own.json", "--format", "c"]) == 0
    assert capsys.readouterr().out == to_c(model) != to_c(genome)
    assert main(["export", "own.json", "--format", "c", "--no-scales"]) == 0
    assert capsys.readouterr().out == to_c(genome)
    model.save(run / "model.json")
    assert main(["export", "run", "--format", "c"]) == 0
    assert capsys.readouterr().out == to_c(model)


def test_onnx_is_written(run):
    onnx = pytest.importorskip("onnx")
    assert main(["export", "run", "--output", "champion.onnx"]) == 0
    onnx.checker.check_model(onnx.load(run.parent / "champion.onnx"))


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["export", "--help"])
    assert stop.value.code == 0
    assert "--format" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "",
            "export: expected the folder of a run, or the file of a model or genome, first, such as export runs/xor",
        ),
        ("--format c", "export: expected the folder of a run, or"),
        ("run", "format: expected one of c, numpy, onnx, sympy, latex, json, or a file as output"),
        ("run --format cpp", "format: expected one of c, numpy, onnx, sympy, latex, json, got 'cpp'"),
        ("run --output a.cpp", "format: expected one of c, numpy, onnx, sympy, latex, json, got '.cpp'"),
        ("run --format onnx", "output: needed for onnx, which is binary; name a file, such as champion.onnx"),
        ("run --fromat c", "--fromat: there is no such option; did you mean --format?"),
        ("run --format c --output none/a.c", "output: there is no folder "),
        ("none --format c", "none: cannot be read: No such file or directory"),
        ("damaged.json --format c", "damaged.json: Expecting value: line 1 column 1"),
        ("model.json --format c", "model.json: genome: must be given"),
        ("list.json --format c", "list.json: genome: expected a dictionary, got list"),
        ("study --format c", "export: study has no champion.json; name one of its files: champion-a.json"),
    ],
)
def test_mistakes(arguments, message, run, capsys):
    (run.parent / "damaged.json").write_text("{]"[1:])
    (run.parent / "list.json").write_text("[]")
    (run.parent / "model.json").write_text('{"model": "batchneat", "version": 3}')
    (run.parent / "study").mkdir()
    (run.parent / "study" / "champion-a.json").write_text("{}")
    assert main(["export", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1
