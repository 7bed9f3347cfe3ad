"""Moving pictures: frames drawn from one figure, and GIFs of them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from neat.support.files import write_whole

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from PIL.Image import Image


class Show(Protocol):
    """Moves what moves in a scene to where it is after so many steps; returns it, the undermost first."""

    def __call__(self, step: int, /) -> Sequence[Artist]:
        """Move and return the artists."""


MOST_FRAMES = 170
_WIDTH, _HEIGHT = 440, 330  # pixels, at most
_DPI = 100
_COLOURS, _FEWER = 96, 32  # in a palette
_FREQUENT = 24  # of these, as they are in the frames
_SAMPLES = 12  # frames whose colours make the palette
_LARGEST = 500_000  # bytes
_NARROWEST = 200  # pixels
_SHORTEST, _LONGEST = 40, 300  # ms of a frame: 25 fps, and the few steps of a short episode
_WHOLE = 6000  # ms that an episode lasts at least, if its frames need not be longer than that
_END = 1200  # ms of the last frame


def chosen(start: int, stop: int) -> np.ndarray:
    """The steps to show of those from `start` to `stop`: evenly spaced, and both ends."""
    stride = -(-(stop - start) // (MOST_FRAMES - 1)) or 1
    return np.append(np.arange(start, stop, stride), stop)


def film(axes: Axes, show: Show, steps: np.ndarray, captions: Sequence[str]) -> Iterator[np.ndarray]:
    """The frames of a scene, uint8 (height, width, 3). What does not move is drawn once.

    Args:
        axes: With the scene; what lies within their limits fills the picture, to scale.
        show: Moves the scene.
        steps: Those to show, (frames,).
        captions: What the corner says to each.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = axes.get_figure(root=True)
    assert figure is not None
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    scale = min(_WIDTH / abs(right - left), _HEIGHT / abs(top - bottom))
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
    moving = [*show(int(steps[0])), corner]
    for artist in moving:
        artist.set_animated(True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    for step, caption in zip(steps, captions, strict=True):
        corner.set_text(caption)
        canvas.restore_region(still)
        for artist in (*show(int(step)), corner):
            axes.draw_artist(artist)
        yield np.array(canvas.buffer_rgba())[..., :3]


def write(frames: Iterable[np.ndarray], path: Path) -> None:
    """Write a GIF that repeats for ever; one that is too large loses frames, then colours, then size.

    Args:
        frames: uint8 (height, width, 3) each, all of the same shape.
        path: File to write.
    """
    from PIL import Image

    images = [Image.fromarray(frame) for frame in frames]
    whole = len(images) * float(np.clip(_WHOLE / len(images), _SHORTEST, _LONGEST))
    colours = _COLOURS
    while True:
        data = _encoded(images, colours, whole / len(images))
        width, height = images[0].size
        if len(data) <= _LARGEST or width < _NARROWEST:
            write_whole(path, data)
            return
        if 3 * len(images) > 2 * MOST_FRAMES:
            images = [*images[:-1:2], images[-1]]
        elif colours > _FEWER:
            colours = _FEWER
        else:
            scale = 0.95 * (_LARGEST / len(data)) ** 0.5
            smaller = (round(scale * width), round(scale * height))
            images = [image.resize(smaller, Image.Resampling.LANCZOS) for image in images]


def _encoded(images: list[Image], count: int, pace: float) -> bytes:
    """A GIF with one palette of `count` colours for all frames, which last `pace` ms each."""
    from PIL import Image

    samples = [images[round(k)] for k in np.linspace(0, len(images) - 1, _SAMPLES)]
    colours, nearest = _palette(samples, count)
    frames = []
    for image in images:
        frame = Image.fromarray(nearest[_cell(np.asarray(image))], "P")
        frame.putpalette(colours.tobytes())
        frames.append(frame)
    durations = [round(pace / 10) * 10] * (len(frames) - 1) + [_END]  # GIF counts hundredths of a second
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


def _palette(images: Sequence[Image], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Colours for the images, uint8 (n, 3), and which to take for each cell of the colour space, uint8 (32768,).

    The most frequent colours are kept as they are, or a white background would turn grey; the others are made by
    median cut.
    """
    from PIL import Image

    pixels = np.concatenate([np.asarray(image).reshape(-1, 3) for image in images])
    codes, counts = np.unique(pixels.astype(np.int32) @ (65536, 256, 1), return_counts=True)
    codes = codes[np.lexsort((codes, -counts))]
    distinct = np.column_stack([codes >> 16, codes >> 8 & 255, codes & 255]).astype(np.uint8)
    kept, others = distinct[:_FREQUENT], distinct[_FREQUENT:]
    colours = kept
    if len(others):
        cut = Image.fromarray(others[np.newaxis]).quantize(count - _FREQUENT, Image.Quantize.MEDIANCUT)
        colours = np.concatenate([kept, np.array(cut.getpalette(), np.uint8).reshape(-1, 3)])
    cells = np.arange(32768)
    centres = 8 * np.column_stack([cells >> 10, cells >> 5 & 31, cells & 31]) + 4
    products = centres @ colours.T.astype(np.int64)
    nearest = np.argmin(np.square(colours.astype(np.int64)).sum(axis=1) - 2 * products, axis=1)
    nearest[_cell(kept[::-1])] = np.arange(len(kept))[::-1]
    return colours, nearest.astype(np.uint8)


def _cell(colours: np.ndarray) -> np.ndarray:
    """The cells of the colour space, 32 along each axis, of uint8 colours (…, 3)."""
    parts = (colours >> 3).astype(np.int32)
    return parts[..., 0] << 10 | parts[..., 1] << 5 | parts[..., 2]
