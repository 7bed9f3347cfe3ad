"""The shapes that an environment draws, checked."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np

from evaluators.environments.environment_base import EnvironmentBase
from evaluators.environments.shapes import Align, Line, Polygon, Shape, Text, View
from evaluators.environments.spaces import Discrete
from neat.support.messages import quote

# Fields of shapes: those that may be infinite, and sizes, which may not.
_NUMBERS = ("points", "x", "y", "left", "bottom", "right", "top"), ("radius", "width", "height")


def check_drawable(environment: EnvironmentBase) -> None:
    """Raise a ValueError that says what to write, unless the environment has a `draw`."""
    if not callable(getattr(environment, "draw", None)):
        raise ValueError(
            f"{environment.name}: cannot be drawn: write draw(self, state, action), which returns shapes, such as "
            "[shapes.Circle(state[0], state[1], 0.1)], with `from evaluators.environments import shapes`"
        )


def draw_shapes(environment: EnvironmentBase, state: np.ndarray, action: Any = None) -> list[Shape]:
    """Return the shapes of a state.

    Args:
        environment: An environment.
        state: (states,).
        action: The last action, an integer or (dimensions,); None at the start of an episode. A discrete action may
            also be an array, (1,), as a trace has it.

    Raises:
        ValueError: The environment has no `draw`, or it fails, or it returns something else.
    """
    check_drawable(environment)
    if action is not None and isinstance(environment.actions, Discrete):
        action = int(np.ravel(action)[0])
    try:
        drawn = list(environment.draw(state, action))  # type: ignore[attr-defined]
    except Exception as error:
        raise ValueError(f"{environment.name}: draw: {type(error).__name__}: {error}") from error
    for shape in drawn:
        check_shape(f"{environment.name}: draw", shape)
    return drawn


def check_shape(place: str, shape: Any) -> None:
    """Raise a ValueError, which begins with `place`, unless this is a shape that can be drawn."""
    from matplotlib.colors import is_color_like

    if not isinstance(shape, Shape):
        raise ValueError(
            f"{place}: expected shapes of evaluators.environments.shapes, such as Circle, got {quote(shape)}"
        )
    fields = shape._asdict()
    try:
        at, sizes = (
            [np.asarray(fields[name], float) for name in names if name in fields] for names in _NUMBERS
        )
        valid = not any(np.isnan(each).any() for each in at) and all(
            np.isfinite(each).all() for each in sizes
        )
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(f"{place}: expected numbers as coordinates and finite sizes, got {quote(shape)}")
    if isinstance(shape, Line | Polygon) and at[0].shape != (len(shape.points), 2):
        raise ValueError(
            f"{place}: expected points of shape (n, 2), got shape {at[0].shape} in {quote(shape)}"
        )
    if isinstance(shape, View) and not (
        np.isfinite(shape).all() and shape.left < shape.right and shape.bottom < shape.top
    ):
        raise ValueError(
            f"{place}: expected finite edges, left below right and bottom below top, got {shape}"
        )
    if isinstance(shape, Text) and not isinstance(shape.text, str):
        raise ValueError(f"{place}: text: expected a string, got {quote(shape.text)}")
    if isinstance(shape, Text) and shape.align not in get_args(Align):
        raise ValueError(
            f"{place}: align: must be one of {', '.join(get_args(Align))}, got {quote(shape.align)}"
        )
    if not is_color_like(fields.get("colour", "white")):
        raise ValueError(
            f'{place}: colour: expected "#rrggbb", "#rrggbbaa" or a name that matplotlib knows, '
            f"got {quote(fields['colour'])}"
        )
