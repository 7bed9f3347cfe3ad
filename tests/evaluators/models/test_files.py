"""Files of models: another process predicts the same bits; what is damaged is refused by name."""

import json
import subprocess
import sys

import numpy as np
import pytest

import evaluators
from tests.support.models import linear_genome
from tests.support.paths import ROOT

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 2)) * [1e-3, 1e6] + [0.1, 1 / 3]
LABELS = [["left", "right"][k] for k in RNG.integers(0, 2, 300)]


def models():
    hidden = linear_genome([0.1, -1.7], 0.3, "tanh").to_dict()
    hidden["nodes"].append({"id": 3, "bias": 1 / 3, "activation": "sigmoid", "response": 1.1})
    hidden["connections"] += [
        {"innovation": 7, "source": 0, "target": 3, "weight": 0.7},
        {"innovation": 8, "source": 3, "target": 2, "weight": -1.3},
    ]
    genome = type(linear_genome([1.0], 0.0)).from_dict(hidden)
    names = {"input_names": ["length (cm)", "höhe"], "standardise": True}
    yield evaluators.Supervised(X, X @ [1.0, 3.0], **names).model(genome)
    yield evaluators.Supervised(X, LABELS, fitness="cross_entropy", **names).model(genome)
    yield evaluators.Supervised(X, X @ [1.0, 3.0]).model(genome)


SCRIPT = """
import sys
import numpy as np
import evaluators
data = np.load(sys.argv[1])
model = evaluators.load(sys.argv[2])
np.save(sys.argv[3], model.predict(data))
"""


def test_another_process_predicts_the_same_bits(tmp_path):
    model = next(models())
    model.save(tmp_path / "model.json")
    np.save(tmp_path / "data.npy", X)
    files = [str(tmp_path / name) for name in ("data.npy", "model.json", "predicted.npy")]
    subprocess.run([sys.executable, "-c", SCRIPT, *files], check=True, cwd=ROOT)
    np.testing.assert_array_equal(np.load(tmp_path / "predicted.npy"), model.predict(X))


@pytest.mark.parametrize("model", list(models()), ids=repr)
def test_all_parts_come_back(model, tmp_path):
    file = tmp_path / "model.json"
    model.save(file)
    loaded = evaluators.load(file)
    assert (loaded.genome, loaded.inputs, loaded.outputs) == (model.genome, model.inputs, model.outputs)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()


def _set(path, value):
    def change(content):
        *parents, last = path
        for parent in parents:
            content = content[parent]
        content[last] = value

    return change


NODE = ["genome", "nodes", 0]
DAMAGED = [
    (_set(["model"], "other"), r"holds no model$"),
    (_set(["version"], 4), r"version: is 4, and this version of batchneat reads 1, 2, 3$"),
    (_set(["version"], 2), r"digest: there is no such field$"),
    (_set([*NODE, "bias"], 0.25), r"is damaged or was edited: its content does not match its digest$"),
    (_set(["outputs", "labels"], ["right", "left"]), r"is damaged or was edited: its content does not match"),
    (_set(["digest"], None), r"is damaged or was edited: its content does not match its digest$"),
    (lambda content: content.pop("digest"), r"is damaged or was edited: its content does not match its digest$"),
    (lambda content: content["inputs"].pop("scaling"), r"is damaged or was edited: its content does not match"),
    (_set(["surplus"], 2), r"surplus: there is no such field$"),
    (_set(["genome"], 2), r"genome: input should be a valid dictionary, got 2$"),
    (_set([*NODE, "bias"], "x"), r"genome: nodes.0.bias: must be a number, got 'x'$"),
    (_set([*NODE, "activation"], "mine"), r"genome: nodes.0.activation: activation 'mine' is not known"),
    (_set(["inputs", "kind"], "code"), r"inputs: input tag 'code' found using 'kind' does not match"),
    (_set(["inputs", "names"], ["a"]), r"inputs.names: expected 2 names, one for each input, got 1$"),
    (_set(["inputs", "names"], ["a", "a"]), r"inputs.rows.names: expected different names, got 'a' twice$"),
    (_set(["inputs", "scaling", "scale"], [1, 0]), r"inputs.rows.scaling.scale.1: input should be greater than 0"),
    (_set(["inputs", "scaling", "scale"], [1]), r"inputs.rows.scaling.scale: expected 2 numbers, as shift has, got 1$"),
    (_set(["inputs", "scaling", "shift"], [1, "2"]), r"scaling.shift.1: must be a number, got '2'$"),
    (_set(["outputs", "labels"], ["a"]), r"outputs.classes.labels: expected at least two classes, got \['a'\]$"),
    (_set(["outputs", "labels"], ["a", "b", "c"]), r"outputs.labels: expected 2 classes, as 1 outputs dist"),
    (_set(["outputs", "labels"], ["a", None]), r"outputs.classes.labels.1.*got None"),
    (_set(["outputs", "labels"], ["a", "a"]), r"labels: expected different classes, got \['a', 'a'\]$"),
    (_set(["steps"], 0), r"steps: input should be greater than or equal to 1, got 0$"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "message"), DAMAGED, ids=[message for _, message in DAMAGED])
def test_damaged_files_are_refused_by_name(damage, message, tmp_path):
    file = tmp_path / "model.json"
    list(models())[1].save(file)
    content = json.loads(file.read_text("utf-8"))
    damage(content)
    file.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ValueError, match=rf"^{file}: .*{message}") as caught:
        evaluators.load(file)
    assert "\n" not in str(caught.value)


def test_spaces_and_the_order_of_fields_do_not_matter(tmp_path):
    file = tmp_path / "model.json"
    model = list(models())[1]
    model.save(file)
    content = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(dict(reversed(content.items())), ensure_ascii=False), "utf-8")
    np.testing.assert_array_equal(evaluators.load(file).predict(X), model.predict(X))


NO_MODELS = [
    ("", r"must be JSON"),
    ("[1", r"must be JSON"),
    ("[1]", r"holds no model$"),
    ("[" * 100_000, r"holds no model: it is nested too deeply$"),
    ('{"model": NaN}', r"NaN is not a JSON number$"),
    (
        json.dumps(linear_genome([1.0], 0.0).to_dict()),
        r"holds no model, but a genome alone; neat.Genome.from_dict reads it$",
    ),
]


@pytest.mark.parametrize(("text", "message"), NO_MODELS, ids=[message for _, message in NO_MODELS])
def test_other_files_are_refused_by_name(text, message, tmp_path):
    file = tmp_path / "model.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=rf"^{file}: {message}"):
        evaluators.load(file)
    with pytest.raises(ValueError, match=r"missing.json: cannot be read: No such file or directory$"):
        evaluators.load(tmp_path / "missing.json")
