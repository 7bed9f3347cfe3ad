"""Films of episodes in environments that draw their states, and of frames that a user-defined function makes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from evaluators.environments.drawing import check_shape, draw_shapes
from evaluators.environments.environment_base import EnvironmentBase
from evaluators.episodes.episodic_evaluator import Trace
from evaluators.pictures.canvas import Trails
from evaluators.pictures.film import MOST_STEPS, Film, Span, check_picture, thin_out


def film_frames(frames: Iterable[Any], film: Film) -> None:
    """Write a film of user-defined frames: evenly spaced ones, and the last.

    Args:
        frames: Pictures, uint8 (height, width, 3), or lists of shapes, or functions that return one of these.
        film: The film.

    Raises:
        ValueError: A frame is none of these, or there are pictures and shapes, or pictures of several sizes.
    """
    trails = Trails()

    def read(frame: Any) -> Any:
        if callable(frame):
            frame = frame()
        if not isinstance(frame, list | tuple):
            return check_picture("frame", frame)
        for shape in frame:
            check_shape("frame", shape)
        return trails.add(frame)

    # A function draws what is there when it is called, so it is called before the next frame is made.
    shown = thin_out(map(read, frames), film.most_frames)
    if not shown:
        raise ValueError("frames: expected at least one, got none")
    pictures = [frame for _, frame in shown if isinstance(frame, np.ndarray)]
    if pictures and len(pictures) < len(shown):
        raise ValueError("frames: expected only pictures or only lists of shapes, got both")
    (film.write_pictures if pictures else film.write_shapes)(
        [frame for _, frame in shown], [f"step {step:,}" for step, _ in shown]
    )


def film_episode(environment: EnvironmentBase, trace: Trace, film: Film) -> None:
    """Write a film of an episode.

    Of a longer episode than the film may show, it shows the last steps if it was terminated, else the first.

    Raises:
        ValueError: The environment has no `draw`, or it fails.
    """
    span = Span.of(len(trace.reward), trace.terminated, most=film.most_steps or MOST_STEPS)
    steps = film.choose_steps(span)
    chosen, trails, shown = set(steps.tolist()), Trails(), []
    for step in range(span.start, span.stop + 1):
        shapes = trails.add(
            draw_shapes(environment, trace.state[step], trace.action[step - 1] if step else None)
        )
        if step in chosen:
            shown.append(shapes)
    film.write_shapes(shown, [span.caption(step) for step in steps])
