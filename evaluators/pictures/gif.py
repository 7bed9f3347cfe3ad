"""GIF files of modest size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


MOST_FRAMES = 170
_COLOURS, _REDUCED_COLOURS = 96, 32  # in a palette
_EXACT_COLOURS = 24  # frequent colours that a palette keeps unchanged
_SAMPLES = 12  # frames whose colours make the palette
_MAX_BYTES = 500_000
_MIN_WIDTH = 200  # pixels; smaller pictures are not shrunk further
_MIN_FRAME_TIME = 2  # hundredths of a second; browsers show a frame that is shorter for 0.1 s
LAST_FRAME_TIME = 1.2
"""Seconds for which a film shows its last frame."""


def encode_gif(frames: Sequence[np.ndarray], seconds: float) -> bytes:
    """Return a GIF that loops. If it is too large, drop frames, then colours, then pixels.

    Args:
        frames: Pictures of one shape, uint8 (height, width, 3).
        seconds: The duration without that of the last frame; it is longer if a frame would last less than 20 ms.
    """
    from PIL import Image

    images = [Image.fromarray(frame) for frame in frames]
    duration = 1000 * seconds
    colours = _COLOURS
    while True:
        data = _encode(images, colours, duration / len(images))
        width, height = images[0].size
        if len(data) <= _MAX_BYTES or width < _MIN_WIDTH:
            return data
        if 3 * len(images) > 2 * MOST_FRAMES:
            images = [*images[:-1:2], images[-1]]
        elif colours > _REDUCED_COLOURS:
            colours = _REDUCED_COLOURS
        else:
            scale = 0.95 * (_MAX_BYTES / len(data)) ** 0.5
            smaller = (round(scale * width), round(scale * height))
            images = [image.resize(smaller, Image.Resampling.LANCZOS) for image in images]


def _encode(images: list[Image], count: int, frame_time: float) -> bytes:
    """Return a GIF whose frames share a palette of `count` colours and last `frame_time` ms each."""
    from PIL import Image

    samples = [images[round(k)] for k in np.linspace(0, len(images) - 1, _SAMPLES)]
    colours, nearest = _build_palette(samples, count)
    frames = []
    for image in images:
        frame = Image.fromarray(nearest[_cell_index(np.asarray(image))], "P")
        frame.putpalette(colours.tobytes())
        frames.append(frame)
    # GIF counts time in hundredths of a second, in 16 bits.
    duration = 10 * int(np.clip(round(frame_time / 10), _MIN_FRAME_TIME, 2**16 - 1))
    durations = [duration] * (len(frames) - 1) + [round(1000 * LAST_FRAME_TIME)]
    file = io.BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        optimize=False,
        disposal=1,
    )
    return file.getvalue()


def _build_palette(images: Sequence[Image], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return colours for the images, uint8 (n, 3), and the index of the colour for each cell, uint8 (32768,).

    The most frequent colours stay exact, so that a white background does not turn grey. Median cut makes the others.
    """
    from PIL import Image

    pixels = np.concatenate([np.asarray(image).reshape(-1, 3) for image in images])
    codes, counts = np.unique(pixels.astype(np.int32) @ (65536, 256, 1), return_counts=True)
    codes = codes[np.lexsort((codes, -counts))]
    distinct = np.column_stack([codes >> 16, codes >> 8 & 255, codes & 255]).astype(np.uint8)
    kept, others = distinct[:_EXACT_COLOURS], distinct[_EXACT_COLOURS:]
    colours = kept
    if len(others):
        cut = Image.fromarray(others[np.newaxis]).quantize(count - _EXACT_COLOURS, Image.Quantize.MEDIANCUT)
        colours = np.concatenate([kept, np.array(cut.getpalette(), np.uint8).reshape(-1, 3)])
    cells = np.arange(32768)
    centres = 8 * np.column_stack([cells >> 10, cells >> 5 & 31, cells & 31]) + 4
    products = centres @ colours.T.astype(np.int64)
    nearest = np.argmin(np.square(colours.astype(np.int64)).sum(axis=1) - 2 * products, axis=1)
    nearest[_cell_index(kept[::-1])] = np.arange(len(kept))[::-1]
    return colours, nearest.astype(np.uint8)


def _cell_index(colours: np.ndarray) -> np.ndarray:
    """Return the cells of uint8 colours (…, 3) in the colour space, which has 32 cells along each axis."""
    parts = (colours >> 3).astype(np.int32)
    return parts[..., 0] << 10 | parts[..., 1] << 5 | parts[..., 2]
