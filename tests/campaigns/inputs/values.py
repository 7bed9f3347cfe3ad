"""Absurd values, and functions that damage data."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

NUMBERS = (
    *(
        0,
        1,
        -1,
        2,
        3,
        7,
        255,
        256,
        2**24,
        2**31 - 1,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64,
        -(2**63),
        10**40,
    ),
    *(0.0, -0.0, 0.5, 1.0, -1.5, 1e-45, 1e-300, 3.4e38, 3.5e38, 1e308, math.nan, math.inf, -math.inf),
)
WORDS = (
    *(
        "",
        " ",
        "x",
        "sum",
        "tanh",
        "sigmoid",
        "random",
        "max",
        "full",
        "none",
        "nan",
        "true",
        "1_000",
        "1e400",
        "\0",
        "é",
    ),
    *("%s", "%(a)s", "../../x", "x" * 5000, "a\nb", "٣", "🙂", "[", "]", "{}", "=", "#", "'", '"'),
)
JSON_PIECES = (
    "{",
    "}",
    "[" * 20_000,
    ",",
    '"',
    "null",
    "NaN",
    "1e999",
    "\0",
    "\ufeff",
    '{"a": ' * 3000,
    "9" * 6000,
)
DTYPES = ("f4", "f8", "f2", "i8", "i4", "i1", "u1", "u8", "?", "c8", "U3", "S2", "O", "M8[s]", ">f4", ">i8")


def value(draw: random.Random, depth: int = 2) -> Any:
    """Return random plain data."""
    choice = draw.randrange(9)
    if choice <= 2:
        return draw.choice(NUMBERS)
    if choice <= 4:
        return draw.choice(WORDS)
    if choice == 5:
        return draw.choice((None, True, False))
    if choice == 6 and draw.random() < 0.2:
        return nested(draw.choice((50, 500, 5000)), draw.random() < 0.5)
    if choice == 7 and depth:
        return {str(draw.choice(WORDS)): value(draw, depth - 1) for _ in range(draw.randrange(4))}
    return [value(draw, depth - 1) for _ in range(draw.randrange(5))] if depth else []


def nested(levels: int, as_lists: bool) -> Any:
    """Return deeply nested lists or dictionaries."""
    whole: Any = 0
    for _ in range(levels):
        whole = [whole] if as_lists else {"a": whole}
    return whole


def damaged(draw: random.Random, data: Any, times: int = 1) -> Any:
    """Return plain data with some random changes, most of them in nested places."""
    whole = {"": copy.deepcopy(data)}
    for _ in range(times):
        places = list(_places(whole))
        if places:
            _change(draw, *draw.choice(places))
    return whole.get("", {})


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every list and dictionary with each of its keys, down to a depth of 8."""
    waiting = [(data, 0)]
    while waiting:
        holder, depth = waiting.pop()
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list) and depth < 8:
                waiting.append((holder[key], depth + 1))


def _change(draw: random.Random, spot: Any, key: Any) -> None:
    choice = draw.randrange(8)
    if choice == 0:
        del spot[key]
    elif choice == 1 and isinstance(spot, list):
        spot.insert(key, copy.deepcopy(spot[draw.randrange(len(spot))]))
    elif choice == 1:
        spot[draw.choice(WORDS)] = value(draw)
    elif choice == 2 and isinstance(spot, list):
        draw.shuffle(spot)
    elif choice in (3, 4, 5) and isinstance(spot[key], int | float) and not isinstance(spot[key], bool):
        spot[key] = draw.choice(
            (spot[key] + 1, spot[key] - 1, -spot[key], spot[key] * 2, spot[key] / 2, str(spot[key]))
        )
    elif choice in (3, 4, 5) and isinstance(spot[key], bool):
        spot[key] = not spot[key]
    elif choice == 4 and isinstance(spot[key], list):
        spot[key] = spot[key] * draw.choice((2, 3, 100))
    else:
        spot[key] = value(draw)


def damaged_text(draw: random.Random, text: str, pieces: tuple[str, ...]) -> str:
    """Return a text with parts deleted or repeated, pieces inserted, or values of `key=value` lines replaced."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        begin = draw.randrange(len(text) + 1)
        end = min(len(text), begin + draw.choice((1, 1, 3, 20, 200)))
        choice = draw.randrange(6)
        if choice == 0:
            text = text[:begin] + text[end:]
        elif choice == 1:
            text = text[:end] + text[begin:end] * draw.choice((1, 2, 50)) + text[end:]
        elif choice == 2:
            text = text[:begin] + draw.choice(pieces) + text[begin:]
        else:
            lines = text.split("\n")
            at = draw.randrange(len(lines))
            key, equals, _ = lines[at].partition("=")
            lines[at] = (
                f"{key}={draw.choice((*WORDS, *map(repr, NUMBERS)))}" if equals else draw.choice(pieces)
            )
            text = "\n".join(lines)
    return text


def array(draw: random.Random, shape: tuple[int, ...] | None = None) -> Any:
    """Return a random array, or something that a user may pass in place of one."""
    if draw.random() < 0.15:
        return value(draw)
    if shape is None or draw.random() < 0.3:
        shape = tuple(draw.choice((0, 1, 1, 2, 3, 4, 5, 150)) for _ in range(draw.randrange(5)))
    generator = np.random.default_rng(draw.randrange(2**32))
    whole: Any = generator.normal(size=shape) * draw.choice((1.0, 1.0, 100.0, 1e38, 1e-40))
    if draw.random() < 0.3:
        dtype = draw.choice(DTYPES)
        with np.errstate(all="ignore"):
            whole = whole.astype("i8").astype(dtype) if dtype == "M8[s]" else whole.astype(dtype)
    whole = np.asarray(whole)  # a product of zero-dimensional arrays is a scalar
    if whole.size and whole.dtype.kind == "f" and draw.random() < 0.2:
        whole.flat[draw.randrange(whole.size)] = draw.choice((np.nan, np.inf, -np.inf))
    for change in (
        lambda a: a[..., ::-1] if a.ndim else a,
        lambda a: np.asfortranarray(a),
        lambda a: np.ma.masked_array(a, generator.random(a.shape) < 0.3),
        lambda a: np.broadcast_to(a, a.shape),
        lambda a: a.tolist(),
    ):
        if draw.random() < 0.08 and isinstance(whole, np.ndarray):
            whole = change(whole)
    return whole
