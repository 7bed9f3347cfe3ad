"""Test genomes of neat-python in JSON, and the outputs of its own networks, for three of its versions."""

import importlib.util
import json
import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from neat.genome.genome import Genome, GenomeError
from neat.io.neat_python import genome_from_json
from tests.support.paths import ROOT

VERSIONS = ("0.92", "1.0.0", "2.1.0")
DATA = {
    version: json.loads((ROOT / "tests" / "data" / f"neat_python_exports_{version}.json").read_text())
    for version in VERSIONS
}


def read(tmp_path, document):
    """Return the genome and the warnings from a JSON file of `document`."""
    path = tmp_path / "genome.json"
    path.write_text(json.dumps(document))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        return genome_from_json(path), [str(w.message) for w in caught if w.category is UserWarning]


def answers(genome, inputs):
    evaluators = pytest.importorskip("evaluators")
    networks, x = evaluators.compile(genome, device="cpu"), np.array(inputs, np.float32)
    if genome.feed_forward:
        return networks.activate(x)[0]
    return np.array([networks.activate(step[None, :])[0, 0] for step in x])


@pytest.mark.parametrize(
    ("version", "kind"), [("0.92", "genes"), ("1.0.0", "genes"), ("2.1.0", "genes"), ("2.1.0", "network")]
)
def test_differing_nodes_are_named_and_the_others_agree(tmp_path, version, kind):
    named = {True: 0, False: 0}
    for case in DATA[version]["cases"]:
        genome, told = read(tmp_path, case[kind])
        y = answers(genome, DATA[version]["inputs"])
        same = np.allclose(y, case["outputs"], rtol=2e-3, atol=2e-4)
        assert same or len(told) == 1, case[kind]
        named[bool(told)] += 1
    assert named[True] >= 1
    assert named[False] >= 2


def test_a_0_92_network_is_the_same_where_the_named_nodes_are_0(tmp_path):
    """The warning is complete: with the outputs of the named nodes at 0, the network agrees with neat-python's."""
    compared = 0
    for case in DATA["0.92"]["cases"]:
        document = json.loads(json.dumps(case["genes"]))
        _, told = read(tmp_path, document)
        if not told or document["network_type"] == "recurrent":
            continue
        numbers = {
            int(word)
            for word in told[0].replace(",", " ").split("this concerns")[1].split()
            if word.isdigit()
        }
        assert " more" not in told[0]
        for node in document["nodes"]:
            if node["id"] in numbers:
                node.update(
                    bias=0.0, response=0.0, activation={"name": "identity"}, aggregation={"name": "sum"}
                )
        genome, _ = read(tmp_path, document)
        y = answers(genome, DATA["0.92"]["inputs"])
        np.testing.assert_allclose(y, case["outputs"], rtol=2e-3, atol=2e-4)
        compared += 1
    assert compared >= 5


@pytest.mark.parametrize("version", VERSIONS)
def test_json_and_objects_give_the_same_genome(tmp_path, version):
    spec = importlib.util.spec_from_file_location(
        "export_neat_python", ROOT / "docs" / "export_neat_python.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for case in DATA[version]["cases"]:
        genes = case["genes"]
        genome, config = objects(genes)
        again = script.described(genome, config.genome_config, version)
        assert again == genes
        from_json, told = read(tmp_path, genes)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            assert Genome.from_neat_python(genome, config) == from_json
        if version != "1.0.0":  # which the objects cannot show
            assert [str(w.message).partition(": ")[2] for w in caught] == [w.partition(": ")[2] for w in told]


def objects(genes):
    """Return stand-ins for the objects that the script described."""
    nodes = {
        node["id"]: SimpleNamespace(
            bias=node["bias"],
            response=node["response"],
            activation=node["activation"]["name"],
            aggregation=node["aggregation"]["name"],
        )
        for node in genes["nodes"]
    }
    connections = {
        (gene["from"], gene["to"]): SimpleNamespace(
            **{key: gene[key] for key in ("weight", "enabled", "innovation") if key in gene}
        )
        for gene in genes["connections"]
    }
    metadata, topology = genes["metadata"], genes["topology"]
    genome = SimpleNamespace(
        key=metadata["genome_id"], fitness=metadata["fitness"], nodes=nodes, connections=connections
    )
    config = SimpleNamespace(
        feed_forward=genes["network_type"] == "feedforward",
        input_keys=topology["input_keys"],
        output_keys=topology["output_keys"],
    )
    return genome, SimpleNamespace(genome_config=config)


def node(key, **values):
    return {"id": key, "activation": {"name": "tanh"}, "aggregation": {"name": "sum"}, **values}


def link(source, target, **values):
    return {"from": source, "to": target, "weight": 0.5, "enabled": True, **values}


def document(nodes, connections, kind="feedforward", version="2.1.0", **values):
    return {
        "format_version": "1.0",
        "network_type": kind,
        "metadata": {"neat_python_version": version},
        "topology": {"num_inputs": 1, "num_outputs": 1, "input_keys": [-1], "output_keys": [0]},
        "nodes": nodes,
        "connections": connections,
        **values,
    }


STARVED = (
    [node(0), node(1), node(2), node(7)],
    [link(-1, 2), link(2, 0), link(1, 2), link(7, 2, enabled=False)],
)


@pytest.mark.parametrize(
    ("kind", "version", "told"),
    [
        ("feedforward", "0.92", "before 1.0 .*concerns node 1 and, downstream, nodes 0, 2$"),
        ("feedforward", "1.0.0", "neat-python 1.0 .*concerns node 1$"),
        ("feedforward", "2.1.0", None),
        ("recurrent", "0.92", "recurrent networks .*concerns node 1$"),
        ("recurrent", "2.1.0", "recurrent networks .*concerns node 1$"),
    ],
)
def test_which_nodes_are_named_by_version(tmp_path, kind, version, told):
    _, messages = read(tmp_path, document(*STARVED, kind=kind, version=version))
    if told is None:
        assert messages == []
    else:
        (message,) = messages
        assert message.startswith(f"{tmp_path / 'genome.json'}: the outputs can differ from neat-python's")
        assert re.search(told, message), message


def test_innovation_numbers_replace_a_missing_version(tmp_path):
    nodes, connections = STARVED
    numbered = [{**gene, "innovation": k} for k, gene in enumerate(connections)]
    for genes, named in ((numbered, False), (connections, True)):
        _, told = read(tmp_path, document(nodes, genes, metadata={}))
        assert bool(told) is named


def test_many_named_nodes_are_cut(tmp_path):
    nodes = [node(key) for key in range(100)]
    _, (message,) = read(tmp_path, document(nodes, [link(key, 0) for key in range(1, 100)], version="0.92"))
    assert message.endswith("this concerns nodes 1, 2, 3, 4, 5 and 94 more and, downstream, node 0")


def test_a_node_missing_from_an_exported_recurrent_network_is_0(tmp_path):
    genome, told = read(tmp_path, document([node(0, bias=0.3)], [link(4, 0), link(-1, 0)], kind="recurrent"))
    assert told == []
    np.testing.assert_allclose(answers(genome, [[1.0]] * 3).ravel(), np.tanh([2.5 * 0.8] * 3), rtol=1e-6)
    assert len(genome.hidden_ids) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], r"expected an object with nodes and connections, got \[1\]"),
        ({}, "network_type: must be given"),
        (document([node(0)], [], kind="ctrnn"), "network_type: .*'feedforward' or 'recurrent', got 'ctrnn'"),
        (document([], []), "output 0: there is no node gene"),
        (document([node(0)], [link(5, 0)]), r"connection \(5, 0\): the genome has no node 5"),
        (
            document([node(0)], [link(-1, 5)], kind="recurrent"),
            r"connection \(-1, 5\): the genome has no node 5",
        ),
        (document([node(0), node(0)], []), "node ids must ascend and be unique"),
        (document([node(0)], [link(-1, 0), link(-1, 0)]), "no two connections may join the same"),
        (
            document([node(0), node(1)], [link(0, 1), link(1, 0)]),
            "a feed-forward network must be free of loops",
        ),
        (document([node(0, bias=float("nan"))], []), r"nodes\.0\.bias: .* got nan"),
        (document([node(0)], [link(-1, 0, weight="1")]), r"weight: must be a number, got '1'"),
        (document([node(0)], [link(-1, 0, enabled="no")]), r"enabled: must be true or false, got 'no'"),
        (document([node(0)], [link(-1, 0, innovation="7")]), "innovation: .*integer, got '7'"),
        (document([node(0)], [link(-1, 0, innovation=True)]), "innovation: .*integer, got True"),
        (
            document([node(0)], [], topology={**document([], [])["topology"], "num_inputs": True}),
            "num_inputs: .*integer, got True",
        ),
        (
            document([node(0, activation={"name": "tanh", "custom": 1})], []),
            "custom: must be true or false, got 1",
        ),
        (document([node("0")], []), r"nodes\.0\.id: .* got '0'"),
        (
            document([node(0, activation={"name": "my_sinc"})], []),
            "node 0: activation 'my_sinc' is not known",
        ),
        (document([node(0, activation="tanh")], []), r"nodes\.0\.activation: .* got 'tanh'"),
        (
            document([node(0, activation={"name": "tanh", "custom": True})], []),
            "node 0: activation 'tanh' is not neat-python's own",
        ),
        (
            document([node(0)], [], topology={**document([], [])["topology"], "input_keys": [0]}),
            "input_keys and output_keys must all be distinct",
        ),
        (
            document([node(0)], [], topology={**document([], [])["topology"], "num_inputs": 3}),
            "as num_inputs 3 and num_outputs 1 say, got 1 and 1",
        ),
        (document([node(0)], [], weights=[]), "weights: there is no such field"),
    ],
    ids=range(23),
)
def test_json_that_is_refused(tmp_path, content, message):
    with pytest.raises(
        GenomeError, match=rf"genome\.json: not a network of neat-python's: .*{message}"
    ) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "\0", "[" * 10**5, '{"a":' * 10**5, "1" * 10**5, '"' + "x" * 10**6 + '"']
)
def test_invalid_or_deeply_nested_json(tmp_path, text):
    path = tmp_path / "genome.json"
    path.write_text(text)
    with pytest.raises(GenomeError, match=r"genome\.json: not a network of neat-python's: ") as caught:
        genome_from_json(path)
    assert len(str(caught.value)) < 1000
