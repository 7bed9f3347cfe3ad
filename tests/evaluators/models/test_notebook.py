"""What notebooks show of a model."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import evaluators
import neat
from evaluators.environments import CartPole
from tests.support.drawn import genome

X = np.random.default_rng(0).normal(size=(20, 2))
KINDS = np.where(X[:, 0] > 0, "<plum>", "pear")


def supervised(*data, **arguments):
    return evaluators.Supervised(*data, device="cpu", **arguments)


@pytest.mark.parametrize(
    ("evaluator", "input_names", "output_names"),
    [
        (
            supervised(
                X,
                KINDS,
                fitness="cross_entropy",
                input_names=["width & height", "b"],
                classes=["<plum>", "pear"],
            ),
            ("width & height", "b"),
            None,  # one output decides between two classes
        ),
        (
            supervised(X, np.arange(20) % 3, fitness="cross_entropy"),
            None,
            ("0", "1", "2"),
        ),
        (supervised(X, X * 2, output_names=["twice a", "twice b"]), None, ("twice a", "twice b")),
        (evaluators.Rollout(CartPole(), episodes=1), None, None),
        (evaluators.PerGenome(lambda network: 0.0), None, None),
    ],
    ids=["two classes", "three classes", "values", "episodes", "unknown"],
)
def test_a_model_shows_its_parts_and_its_topology(evaluator, input_names, output_names):
    sizes = getattr(evaluator, "num_inputs", 2), getattr(evaluator, "num_outputs", 1)
    model = evaluator.model(genome(*sizes, 1))
    assert (model.input_names, model.output_names) == (input_names, output_names)
    table, svg = model._repr_html_().split("<svg", 1)
    table, _ = table[: table.index("</table>") + 8], svg
    shown = {row[0].text: row[1].text for row in ElementTree.fromstring(table).iter("tr")}
    assert shown["network"] == repr(model.genome)
    assert shown.get("input names") == (", ".join(input_names) if input_names else None)
    assert shown.get("output names") == (", ".join(output_names) if output_names else None)
    drawn = [
        text.text for text in ElementTree.fromstring("<svg" + svg).iter("{http://www.w3.org/2000/svg}text")
    ]
    first_input, first_output = (input_names or ("x0",))[0], (output_names or ("y0",))[0]
    assert first_input in drawn and first_output in drawn


def test_classes_with_the_same_text():
    evaluator = supervised(X, np.arange(20) % 3, fitness="cross_entropy")
    model = evaluator.model(genome(2, 3, 1))
    outputs = type(model.outputs)(labels=(1, "1", 2))
    assert "1, 1, 2" in evaluators.Model(model.genome, model.inputs, outputs)._repr_html_()


def test_names_of_a_model_serve_its_drawing():
    model = supervised(X, KINDS, fitness="cross_entropy", input_names=["a", "b"]).model(genome(2, 1, 1))
    assert model.genome._repr_svg_(model.input_names) == (
        neat.plot.topology(model.genome, input_names=["a", "b"])._repr_svg_()
    )
