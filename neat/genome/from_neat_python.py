"""Convert neat-python's genomes, as objects or as JSON, to plain data.

The functions take `from_dict`, which makes a genome from plain data (`Genome.from_dict`).
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import FailFast, Field

from neat import activations
from neat.genome.rules import GenomeError
from neat.support.messages import quote, restate_errors, shorten
from neat.support.text_files import read_text, shorten_path
from neat.support.validation import Model, Switch

# neat-python scales the inputs of these functions. Here, their names mean the functions without scaling.
_SCALED = frozenset({"sigmoid", "tanh", "sin", "gauss", "softplus"})
_MOST_BYTES = 2**23  # of a file; enough for about 50,000 connections
_MOST_NAMED = 5  # nodes that a warning names

_Genome = TypeVar("_Genome")
_FromDict = Callable[[dict[str, Any]], _Genome]

_Integer = Annotated[int, Field(strict=True)]
_Key = Annotated[int, Field(gt=-(2**31), lt=2**62, strict=True)]


class _Function(Model):
    """An activation or aggregation; `custom` marks a function that neat-python does not define."""

    name: str
    custom: Switch = False


class _Node(Model):
    """A node gene; for an input, only the id is used."""

    id: _Key
    type: Literal["input", "hidden", "output"] = "hidden"
    bias: Any = 0.0
    response: Any = 1.0
    activation: _Function
    aggregation: _Function


class _Connection(Model):
    source: _Key = Field(alias="from")
    target: _Key = Field(alias="to")
    weight: Any
    enabled: Switch = True
    innovation: _Integer | None = None


class _Topology(Model):
    """The keys of the inputs and outputs, in order."""

    num_inputs: _Integer
    num_outputs: _Integer
    input_keys: Annotated[list[_Key], FailFast()]
    output_keys: Annotated[list[_Key], FailFast()]


class _Document(Model):
    """The JSON that neat-python's `export_network_json` writes, with optional innovation numbers."""

    format_version: str = ""
    network_type: Literal["feedforward", "recurrent"]
    metadata: dict[str, Any] = Field(default_factory=dict)
    topology: _Topology
    # FailFast stops at the first mistake, since a file can contain millions.
    nodes: Annotated[list[_Node], FailFast()]
    connections: Annotated[list[_Connection], FailFast()]


def convert(genome: Any, config: Any, from_dict: _FromDict[_Genome]) -> _Genome:
    """Convert a genome of neat-python; see `neat.neat_python.genome` for arguments and errors."""
    config = getattr(config, "genome_config", config)
    name = f"genome {quote(getattr(genome, 'key', None))}"
    try:
        inputs, outputs = list(config.input_keys), list(config.output_keys)
        nodes = [
            {
                "id": key,
                "bias": gene.bias,
                "response": gene.response,
                "activation": {"name": gene.activation},
                "aggregation": {"name": gene.aggregation},
            }
            for key, gene in genome.nodes.items()
        ]
        connections = [
            {
                "from": source,
                "to": target,
                "weight": gene.weight,
                "enabled": gene.enabled,
                "innovation": getattr(gene, "innovation", None),
            }
            for (source, target), gene in genome.connections.items()
        ]
        content: dict[str, Any] = {
            "network_type": "feedforward" if config.feed_forward else "recurrent",
            "topology": {
                "num_inputs": len(inputs),
                "num_outputs": len(outputs),
                "input_keys": inputs,
                "output_keys": outputs,
            },
            "nodes": nodes,
            "connections": connections,
        }
        return _build_genome(_Document(**content), name, from_dict)
    except AttributeError as error:
        raise GenomeError(f"{name}: not a genome and config of neat-python: {shorten(str(error))}") from None
    except (TypeError, ValueError) as error:
        raise GenomeError(f"{name}: {error}") from None


def convert_json(path: str | Path, from_dict: _FromDict[_Genome]) -> _Genome:
    """Convert a JSON file; see `neat.neat_python.genome_from_json` for arguments and errors."""
    with restate_errors(kind=GenomeError):
        text = read_text(path, _MOST_BYTES)
    try:
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError(f"expected an object with nodes and connections, got {quote(content)}")
        return _build_genome(_Document(**content), shorten_path(path), from_dict)
    except RecursionError:
        raise GenomeError(
            f"{shorten_path(path)}: not a network of neat-python's: it is nested too deeply"
        ) from None
    except ValueError as error:
        raise GenomeError(
            f"{shorten_path(path)}: not a network of neat-python's: {shorten(str(error), 500)}"
        ) from None


def _build_genome(document: _Document, name: str, from_dict: _FromDict[_Genome]) -> _Genome:
    inputs, outputs = document.topology.input_keys, document.topology.output_keys
    _check_keys(document.topology)
    input_keys = set(inputs)
    nodes = [node for node in document.nodes if node.id not in input_keys]
    connections = document.connections
    absent = _find_absent_keys(document, input_keys | {node.id for node in nodes})
    id_of = {key: position for position, key in enumerate(inputs + outputs)}
    id_of.update(
        {key: len(inputs) + key for key in [*(node.id for node in nodes), *absent] if key not in id_of}
    )
    connections = sorted(connections, key=lambda gene: (id_of[gene.source], id_of[gene.target]))
    numbered = bool(connections) and all(gene.innovation is not None for gene in connections)
    genome = from_dict(
        {
            "num_inputs": len(inputs),
            "num_outputs": len(outputs),
            "feed_forward": document.network_type == "feedforward",
            "nodes": [_convert_node(id_of[node.id], node) for node in nodes]
            + [{"id": id_of[key], "activation": "identity"} for key in absent],
            "connections": [
                {
                    "innovation": gene.innovation if numbered else position,
                    "source": id_of[gene.source],
                    "target": id_of[gene.target],
                    "weight": gene.weight,
                    "enabled": gene.enabled,
                }
                for position, gene in enumerate(connections)
            ],
        }
    )
    stated = str(document.metadata.get("neat_python_version", "1.1" if numbered else "0.92"))
    _warn_of_differences(document, name, tuple(map(int, re.findall(r"\d{1,4}", stated)[:2])))
    return genome


def _check_keys(topology: _Topology) -> None:
    inputs, outputs = topology.input_keys, topology.output_keys
    if (topology.num_inputs, topology.num_outputs) != (len(inputs), len(outputs)):
        raise ValueError(
            f"topology: must have as many input_keys and output_keys as num_inputs {quote(topology.num_inputs)} and "
            f"num_outputs {quote(topology.num_outputs)} say, got {len(inputs)} and {len(outputs)}"
        )
    if len({*inputs, *outputs}) < len(inputs) + len(outputs):
        raise ValueError("topology: input_keys and output_keys must all be distinct")


def _find_absent_keys(document: _Document, known: set[int]) -> list[int]:
    """Return the keys of nodes that an exported recurrent network omits because they have no inputs and stay at 0."""
    recurrent, absent = document.network_type == "recurrent", set()
    for key in document.topology.output_keys:
        if key not in known:
            if not recurrent:
                raise ValueError(f"output {key}: there is no node gene")
            absent.add(key)
    for gene in document.connections:
        for end in (gene.source, gene.target):
            if end not in known:
                if not recurrent or end == gene.target:
                    raise ValueError(f"connection {gene.source, gene.target}: the genome has no node {end}")
                absent.add(end)
    return sorted(absent)


def _convert_node(id_: int, node: _Node) -> dict[str, Any]:
    with restate_errors(f"node {node.id}: "):
        for kind, function, built_in in (
            ("activation", node.activation, activations.ACTIVATIONS[: activations.BUILT_IN_ACTIVATIONS]),
            ("aggregation", node.aggregation, activations.AGGREGATIONS[: activations.BUILT_IN_AGGREGATIONS]),
        ):
            if function.custom and function.name in (entry.name for entry in built_in):
                raise ValueError(
                    f"{kind} {function.name!r} is not neat-python's own, and this name means another function here"
                )
        activation = activation_name(node.activation.name)
        activations.aggregation_index(node.aggregation.name)
    return {
        "id": id_,
        "bias": node.bias,
        "response": node.response,
        "activation": activation,
        "aggregation": node.aggregation.name,
    }


def activation_name(name: str) -> str:
    """Return our name of a neat-python activation, or of a user-defined one that is registered here too.

    Raises:
        ValueError: No such activation exists here.
    """
    ours = f"scaled_{name}" if name in _SCALED else name
    activations.activation_index(ours)
    return ours


def _warn_of_differences(document: _Document, name: str, version: tuple[int, ...]) -> None:
    """Warn of nodes without enabled inputs on which outputs depend, if neat-python computes them differently.

    Here, such a node computes activation(bias).
    """
    enabled = [(gene.source, gene.target) for gene in document.connections if gene.enabled]
    fed = {target for _, target in enabled}.union(document.topology.input_keys)
    needed = _find_reachable(document.topology.output_keys, [(target, source) for source, target in enabled])
    unfed = {node.id for node in document.nodes if node.id in needed and node.id not in fed}
    downstream: set[int] = set()
    if document.network_type == "recurrent":
        their_rule = "neat-python's recurrent networks leave it at 0"
    elif version < (1, 0):
        downstream = _find_reachable(unfed, enabled) & needed - unfed
        their_rule = "neat-python before 1.0 leaves it at 0, and all nodes to which it leads"
    elif version < (1, 1):
        their_rule = "neat-python 1.0 leaves it at 0, and the nodes to which only such nodes lead"
    else:
        unfed = {
            node.id for node in document.nodes if node.id in unfed and node.aggregation.name == "product"
        }
        their_rule = "in neat-python, an empty product is 1"
    if unfed:
        warnings.warn(
            f"{name}: the outputs can differ from neat-python's: a node without enabled inputs is "
            f"activation(bias) here, but {their_rule}; this concerns {_list_nodes(unfed)}"
            + (f" and, downstream, {_list_nodes(downstream)}" if downstream else ""),
            stacklevel=5,  # the caller of `Genome.from_neat_python` or of a function of `neat_python`
        )


def _find_reachable(start: Iterable[int], links: list[tuple[int, int]]) -> set[int]:
    """Return the nodes that can be reached from `start` along the links, `start` included."""
    targets: dict[int, list[int]] = {}
    for source, target in links:
        targets.setdefault(source, []).append(target)
    reached, waiting = set(start), list(start)
    while waiting:
        new = [target for target in targets.get(waiting.pop(), ()) if target not in reached]
        reached.update(new)
        waiting += new
    return reached


def _list_nodes(keys: Iterable[int]) -> str:
    """Return a text such as 'node 5' or 'nodes 5, 7 and 12 more'."""
    ordered = sorted(keys)
    more = f" and {len(ordered) - _MOST_NAMED} more" if len(ordered) > _MOST_NAMED else ""
    names = ", ".join(map(str, ordered[:_MOST_NAMED]))
    return f"node{'s' * (len(ordered) > 1)} {names}{more}"
