"""Animations: frames of a matplotlib scene, and GIF files of them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from neat.support.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from PIL.Image import Image


class SceneMover(Protocol):
    """A function that moves the artists of a scene to their places at a step."""

    def __call__(self, step: int, /) -> Sequence[Artist]:
        """Move the artists and return them in drawing order."""


MOST_FRAMES = 170
_MAX_WIDTH, _MAX_HEIGHT = 440, 330  # pixels
_DPI = 100
_COLOURS, _REDUCED_COLOURS = 96, 32  # in a palette
_EXACT_COLOURS = 24  # frequent colours that a palette keeps unchanged
_SAMPLES = 12  # frames whose colours make the palette
_MAX_BYTES = 500_000
_MIN_WIDTH = 200  # pixels; smaller pictures are not shrunk further
_MIN_FRAME_TIME, _MAX_FRAME_TIME = 40, 300  # ms
_DURATION = 6000  # ms of an animation, within the limits of the frame time
_LAST_FRAME_TIME = 1200  # ms


def choose_steps(start: int, stop: int) -> np.ndarray:
    """Return evenly spaced steps from `start` to `stop`, both included, `MOST_FRAMES` at most."""
    stride = -(-(stop - start) // (MOST_FRAMES - 1)) or 1
    return np.append(np.arange(start, stop, stride), stop)


def render_frames(
    axes: Axes, move: SceneMover, steps: np.ndarray, captions: Sequence[str]
) -> Iterator[np.ndarray]:
    """Yield the frames of a scene, uint8 (height, width, 3). Artists that do not move are drawn once.

    Args:
        axes: The axes of the scene. Their limits fill the picture, to scale.
        move: Moves the scene's artists.
        steps: Steps to show, (frames,).
        captions: Text in the corner of each frame.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = axes.get_figure(root=True)
    assert figure is not None
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    scale = min(_MAX_WIDTH / abs(right - left), _MAX_HEIGHT / abs(top - bottom))
    width, height = round(scale * abs(right - left)), round(scale * abs(top - bottom))
    figure.set_size_inches(width / _DPI, height / _DPI)
    figure.set_dpi(_DPI)
    axes.set_position((0, 0, 1, 1))
    axes.set_axis_off()
    corner = axes.annotate(
        "",
        (0, 1),
        (8, -8),
        "axes fraction",
        "offset points",
        ha="left",
        va="top",
        fontsize=8,
        color="#555555",
        bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 2},
    )
    moving = [*move(int(steps[0])), corner]
    for artist in moving:
        artist.set_animated(True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    for step, caption in zip(steps, captions, strict=True):
        corner.set_text(caption)
        canvas.restore_region(still)
        for artist in (*move(int(step)), corner):
            axes.draw_artist(artist)
        yield np.array(canvas.buffer_rgba())[..., :3]


def write_gif(frames: Iterable[np.ndarray], path: Path) -> None:
    """Write a GIF that loops. If the file is too large, drop frames, then colours, then pixels.

    Args:
        frames: Pictures of one shape, uint8 (height, width, 3).
        path: File to write.
    """
    from PIL import Image

    images = [Image.fromarray(frame) for frame in frames]
    duration = len(images) * float(np.clip(_DURATION / len(images), _MIN_FRAME_TIME, _MAX_FRAME_TIME))
    colours = _COLOURS
    while True:
        data = _encode_gif(images, colours, duration / len(images))
        width, height = images[0].size
        if len(data) <= _MAX_BYTES or width < _MIN_WIDTH:
            write_atomically(path, data)
            return
        if 3 * len(images) > 2 * MOST_FRAMES:
            images = [*images[:-1:2], images[-1]]
        elif colours > _REDUCED_COLOURS:
            colours = _REDUCED_COLOURS
        else:
            scale = 0.95 * (_MAX_BYTES / len(data)) ** 0.5
            smaller = (round(scale * width), round(scale * height))
            images = [image.resize(smaller, Image.Resampling.LANCZOS) for image in images]


def _encode_gif(images: list[Image], count: int, frame_time: float) -> bytes:
    """Return a GIF whose frames share a palette of `count` colours and last `frame_time` ms each."""
    from PIL import Image

    samples = [images[round(k)] for k in np.linspace(0, len(images) - 1, _SAMPLES)]
    colours, nearest = _build_palette(samples, count)
    frames = []
    for image in images:
        frame = Image.fromarray(nearest[_cell_index(np.asarray(image))], "P")
        frame.putpalette(colours.tobytes())
        frames.append(frame)
    # GIF counts time in hundredths of a second.
    durations = [round(frame_time / 10) * 10] * (len(frames) - 1) + [_LAST_FRAME_TIME]
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
