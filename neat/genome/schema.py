"""The attributes of node and connection genes: THE table from which everything that must know them is derived.

From its rows follow the arrays of genomes, buffers, checkpoints, plain data, settings with bounds and mutation rates,
first values, mutation, crossover, the compatibility distance, programs, and what is sent to a GPU. A new attribute is
one more row, and whatever makes use of it.

Compiled code that treats all attributes of a kind alike is generated: `spell` repeats a piece of source for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from neat.kernels import rng


class Role(Enum):
    """What an attribute is to the rest of the library."""

    KEY = "key"  # tells genes of a genome apart, and ascends
    END = "end"  # where a connection begins or ends: an index in arrays, an id in plain data
    NUMBER = "number"  # is drawn, mutated, averaged and bounded
    FUNCTION = "function"  # a position in a table of `neat.activations`, its name in plain data
    SWITCH = "switch"


class Place(NamedTuple):
    """Where two random words are found: see `rng.block`."""

    purpose: int
    draw: int = 0
    words: tuple[int, int] = (0, 1)


class Streams(NamedTuple):
    """Where an attribute's random numbers come from; no two attributes share one."""

    mutation: int  # purpose; the draw is the gene's position in its genome
    first: Place  # of generation 0; the draw is the gene's position, or that of the link
    new: Place  # of genes that mutation adds

    @classmethod
    def own(cls, number: int) -> Streams:
        """The streams number 0, 1, … of those that are left for further attributes."""
        purpose = rng.FURTHER_ATTRIBUTES + 2 * number
        assert purpose + 1 < rng.EVALUATION
        # Generation 0 has no new genes, so both can have the same purpose.
        return cls(purpose, Place(purpose + 1), Place(purpose + 1))


_NONE: Mapping[str, float] = MappingProxyType({})


class Attribute(NamedTuple):
    """A row of the table."""

    owner: str  # "node" or "connection"
    name: str  # in plain data and settings
    dtype: np.dtype[Any]
    role: Role
    default: Any = None  # in plain data; None: it must be given
    evaluated: bool = True  # evaluators get it; a number or a function of them is part of programs
    # Of numbers:
    text: str = ""  # about its settings in GenomeConfig and MutationConfig
    remark: str = ""  # about the one in GenomeConfig
    initial: Mapping[str, float] = _NONE  # its defaults that differ from those of config.models.InitialValue
    mutation: Mapping[str, float] = (
        _NONE  # its defaults that differ from those of config.models.ValueMutation
    )
    streams: Streams | None = None
    compared: bool = False  # differences count in the compatibility distance

    @property
    def plural(self) -> str:
        """Several of it, in messages."""
        name = self.name.replace("_", " ")
        return f"{name}es" if name.endswith("s") else f"{name}s"

    @property
    def field(self) -> str:
        """Its name among the arrays of genomes."""
        return f"{self.owner}_{self.name}"

    @property
    def program_field(self) -> str:
        """Its name among the arrays of programs."""
        return f"{'link' if self.owner == 'connection' else 'node'}_{self.name}"


_I8, _I4, _F4, _U1, _BOOL = map(np.dtype, ("i8", "i4", "f4", "u1", "?"))

# A node of all attributes comes before a connection of all attributes, and a key before the rest.
ATTRIBUTES = (
    Attribute("node", "id", _I8, Role.KEY, evaluated=False),
    Attribute(
        "node",
        "bias",
        _F4,
        Role.NUMBER,
        default=0.0,
        text="Node biases.",
        streams=Streams(
            rng.MUTATE_BIAS, Place(rng.INITIAL_NODE, words=(0, 1)), Place(rng.NEW_GENE, 1, (0, 1))
        ),
        compared=True,
    ),
    Attribute(
        "node",
        "response",
        _F4,
        Role.NUMBER,
        default=1.0,
        text="Node responses: factors that multiply the aggregated input of a node.",
        initial={"mean": 1.0, "spread": 0.0},
        mutation={"perturb_rate": 0.0, "replace_rate": 0.0},
        streams=Streams(
            rng.MUTATE_RESPONSE, Place(rng.INITIAL_NODE, words=(2, 3)), Place(rng.NEW_GENE, 1, (2, 3))
        ),
        compared=True,
    ),
    Attribute("node", "activation", _U1, Role.FUNCTION, default="sigmoid"),
    Attribute("node", "aggregation", _U1, Role.FUNCTION, default="sum"),
    Attribute("connection", "innovation", _I8, Role.KEY, evaluated=False),
    Attribute("connection", "source", _I4, Role.END),
    Attribute("connection", "target", _I4, Role.END),
    Attribute(
        "connection",
        "weight",
        _F4,
        Role.NUMBER,
        text="Connection weights.",
        remark="The paper has no bounds; without them, weights drift apart and species multiply.",
        initial={"spread": 2.0},
        streams=Streams(rng.MUTATE_WEIGHT, Place(rng.INITIAL_WEIGHT), Place(rng.NEW_GENE, 2)),
        compared=True,
    ),
    Attribute("connection", "enabled", _BOOL, Role.SWITCH, default=True),
)
NODE = tuple(row for row in ATTRIBUTES if row.owner == "node")
CONNECTION = tuple(row for row in ATTRIBUTES if row.owner == "connection")
NODE_NUMBERS = tuple(row for row in NODE if row.role is Role.NUMBER)
CONNECTION_NUMBERS = tuple(row for row in CONNECTION if row.role is Role.NUMBER)
NUMBERS = (*CONNECTION_NUMBERS, *NODE_NUMBERS)
EVALUATED = tuple(row for row in ATTRIBUTES if row.evaluated)


def in_programs(attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """Those that are part of programs."""
    return tuple(row for row in attributes if row.evaluated and row.role in (Role.NUMBER, Role.FUNCTION))


def spell(piece: str, attributes: Iterable[Attribute], between: str = "\n    ") -> str:
    """The piece of source for each attribute.

    Args:
        piece: With `{row.field}` and the like where an attribute is named.
        attributes: Rows of the table.
        between: What separates the pieces.
    """
    return between.join(piece.format(row=row, streams=row.streams) for row in attributes)


def generate(head: str, body: str, names: Mapping[str, Any]) -> Callable[..., Any]:
    """A Python function to be compiled.

    Args:
        head: Its name and parameters: "copy(source, target)".
        body: Its lines, each but the first indented by four spaces.
        names: What the body's names mean.
    """
    namespace = dict(names)
    name = head.partition("(")[0]
    exec(compile(f"def {head}:\n    {body}\n", __file__, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    function.__module__ = __name__
    return function
