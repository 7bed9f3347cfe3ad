"""What the picture of an experiment's champion says."""

import xml.etree.ElementTree as ElementTree

import neat
from experiments.runs.folder import write_champion
from experiments.tasks.classification import Classification
from experiments.tasks.regression import Regression
from experiments.tasks.xor import Xor


def texts(experiment, num_inputs, num_outputs, folder):
    config = neat.Config(
        genome={"num_inputs": num_inputs, "num_outputs": num_outputs}, population_size=2, seed=0
    )
    write_champion(folder, neat.Population(config).genomes[0], experiment)
    tree = ElementTree.parse(folder / "champion.svg")
    return {node.text for node in tree.iter("{http://www.w3.org/2000/svg}text")}


def test_names_of_features_classes_and_targets(tmp_path):
    table = tmp_path / "table.csv"
    assert {"x0", "x1", "y0"} <= texts(Xor(), 2, 1, tmp_path)
    said = texts(Regression(formula="sin(a) * b"), 2, 1, tmp_path)
    assert {"a", "b", "sin(a) * b"} <= said
    table.write_text("width,height,price\n1,2,3\n2,4,5\n3,1,4\n0,2,1\n2,2,2\n")
    assert {"width", "height", "price"} <= texts(Regression(data=str(table), target="price"), 2, 1, tmp_path)
    table.write_text("width,height,kind\n1,2,apple\n2,4,pear\n3,1,apple\n0,2,pear\n2,2,pear\n")
    said = texts(Classification(data=str(table), target="kind"), 2, 2, tmp_path)
    assert {"width", "height", "apple", "pear"} <= said
