"""Which arrays of a state fit a model or an optimiser, by name and shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from neat.support.messages import quote


class Match(NamedTuple):
    """How the arrays of a state fit; `print` it for a report.

    Attributes:
        matched: Names of the arrays that fit.
        missing: Names of the arrays that the state lacks.
        unknown: Names of the arrays that only the state has.
        other_shape: The shape in the state and the shape that is needed, by name.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    other_shape: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @classmethod
    def of(cls, state: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray]) -> Match:
        """Compare a state with one's own arrays; ValueError if a value of the state is no array."""
        for name, value in state.items():
            if not isinstance(value, np.ndarray):
                raise ValueError(f"state: {name}: expected an array, got {quote(value)}")
        shared = [name for name in own if name in state]
        other = {
            name: (state[name].shape, own[name].shape)
            for name in shared
            if state[name].shape != own[name].shape
        }
        return cls(
            tuple(name for name in shared if name not in other),
            tuple(name for name in own if name not in state),
            tuple(name for name in state if name not in own),
            other,
        )

    def check_complete(self, owner: str) -> None:
        """Raise ValueError, which names the first that does not fit, unless all arrays fit each other."""
        for name in self.missing:
            raise ValueError(f"state: {name} is missing")
        for name in self.unknown:
            raise ValueError(f"state: {name} is not part of this {owner}")
        for name, (got, expected) in self.other_shape.items():
            raise ValueError(f"state: {name}: expected shape {expected}, got {got}")

    def __str__(self) -> str:
        """Return a line for what fits, and one for each kind of what does not."""
        other = [f"{name} {got}, here {mine}" for name, (got, mine) in self.other_shape.items()]
        kinds = (
            ("matched", self.matched),
            ("missing in the state", self.missing),
            ("not part of the model", self.unknown),
            ("of another shape", other),
        )
        return "\n".join(f"{len(names)} {kind}: {', '.join(names)}" for kind, names in kinds if names)
