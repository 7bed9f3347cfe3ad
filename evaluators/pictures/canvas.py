"""Drawing of shapes as pixels: the one place that does so for still pictures, films and Gymnasium's `render`."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from evaluators.environments.shapes import Circle, Line, Points, Polygon, Rectangle, Shape, Text, Trail, View

WIDTH = 440
"""Default of the greatest width of a picture in pixels."""
_ASPECT = 0.75  # greatest height, in widths
# Pixels in a picture of the default width: a thin line; the height of a caption's font.
_THIN, _CAPTION = 1.6, 11.0
_MARGIN = 11.0
_DIGITS = 0.73  # height of digits, in heights of the font
_SMALLEST_FONT = 9.0  # pixels, at every width
_CURVE = 8  # points for each step of a curved trail
_TRAIL = 20  # steps
_CAPTION_COLOUR, _CAPTION_GROUND = "#555555", "#ffffffcc"


class Trails:
    """Remembers the points of the trails in an episode."""

    def __init__(self) -> None:
        self._ways: list[deque[tuple[float, float]]] = []

    def add(self, shapes: Iterable[Shape]) -> list[Shape]:
        """Return the shapes of the next step, with lines in place of trails."""
        shown: list[Shape] = []
        trails = 0
        for shape in shapes:
            if isinstance(shape, Trail):
                if trails == len(self._ways):
                    self._ways.append(deque(maxlen=_TRAIL + 1))
                way, trails = self._ways[trails], trails + 1
                way.append((shape.x, shape.y))
                points = _smooth(np.array(way)) if shape.curved else list(way)
                shape = Line(points, shape.colour, shape.width)
            shown.append(shape)
        return shown


def _smooth(points: np.ndarray) -> np.ndarray:
    """Return more points of a smooth curve through the points, (n, 2)."""
    from scipy.interpolate import CubicSpline

    if len(points) < 3:
        return points
    steps = np.arange(len(points))
    return CubicSpline(steps, points)(np.linspace(0, steps[-1], _CURVE * steps[-1] + 1))


def find_view(shapes: Iterable[Shape]) -> View:
    """Return the part of the world that a picture of the shapes shows: the views among them, or without any, all."""
    listed = list(shapes)
    views = np.array([shape for shape in listed if isinstance(shape, View)])
    if len(views):
        return View(*views[:, :2].min(axis=0), *views[:, 2:].max(axis=0))
    x, y = np.concatenate([np.zeros((0, 2)), *map(_corners, listed)]).T
    (left, right), (bottom, top) = _range(x), _range(y)
    return View(left, bottom, right, top)


def _corners(shape: Shape) -> np.ndarray:
    """Return points around a shape, float64 (n, 2)."""
    if isinstance(shape, Line | Polygon):
        return np.asarray(shape.points, float)
    if isinstance(shape, Rectangle | View):
        return np.array([(shape.left, shape.bottom), (shape.right, shape.top)], float)
    around = shape.radius if isinstance(shape, Circle) else 0.0
    return np.array([(shape.x - around, shape.y - around), (shape.x + around, shape.y + around)], float)


def _range(values: np.ndarray) -> tuple[float, float]:
    """Return the least and the greatest finite value; a range of 1 if they are equal or there are none."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


class Canvas:
    """Draws shapes as pictures of one size.

    Args:
        view: The part of the world to show, to scale. It decides the size: `width` pixels wide, unless the picture were
            higher than three quarters of that, which is then its height.
        width: The greatest width in pixels.

    Attributes:
        view: The part of the world that the next picture shows; it may change, and is shown as large as it fits.
    """

    def __init__(self, view: View, width: int = WIDTH) -> None:
        from matplotlib.backends.backend_agg import RendererAgg

        across, along = view.right - view.left, view.top - view.bottom
        scale = width / max(across, along / _ASPECT)
        self.view = view
        size = max(round(scale * across), 1), max(round(scale * along), 1)
        self._size = np.array(size)
        self._unit = width / WIDTH  # pixels of this picture for a pixel in one of the default width
        self._font_size = max(self._unit * _CAPTION, _SMALLEST_FONT)
        self._renderer = RendererAgg(*size, 72.0)  # at 72 dpi, a point is a pixel

    def draw(
        self, shapes: Iterable[Shape], caption: str = "", background: np.ndarray | None = None
    ) -> np.ndarray:
        """Return a picture, uint8 (height, width, 3).

        Args:
            shapes: The shapes; trails must have become lines (see `Trails`).
            caption: Text in the upper left corner.
            background: A picture of any size, uint8 (height, width, 3); None: white.
        """
        width, height = self._size
        view = self.view
        self._scale = min(width / (view.right - view.left), height / (view.top - view.bottom))
        self._middle = np.array([view.left + view.right, view.bottom + view.top]) / 2
        pixels = np.asarray(self._renderer.buffer_rgba())
        pixels[...] = 255
        if background is not None:
            pixels[..., :3] = _resize(background, int(width), int(height))
        for shape in shapes:
            self._draw_shape(shape)
        if caption:
            self._draw_caption(caption)
        return pixels[..., :3].copy()

    def _draw_shape(self, shape: Shape) -> None:
        if isinstance(shape, Line):
            width = self._unit * _THIN if shape.width == 0 else self._scale * shape.width
            self._stroke(self._pixels(shape.points), shape.colour, width, shape.dashed)
        elif isinstance(shape, Circle):
            outline = self._pixels(_circle(shape))
            if shape.filled:
                self._fill(outline, shape.colour)
            else:
                self._stroke(outline, shape.colour, self._unit * _THIN)
        elif isinstance(shape, Rectangle):
            left, bottom, right, top, _ = shape
            self._fill(
                self._pixels([(left, bottom), (right, bottom), (right, top), (left, top)]), shape.colour
            )
        elif isinstance(shape, Polygon):
            self._fill(self._pixels(shape.points), shape.colour)
        elif isinstance(shape, Text):
            size = self._font_size if shape.height == 0 else self._scale * shape.height
            ((x, y),) = self._pixels([(shape.x, shape.y)])
            self._write(shape.text, x, y, size, shape.colour, shape.align)

    def _pixels(self, points: Points) -> np.ndarray:
        """Return where points of the world are, in pixels from the lower left corner; far outside for infinite ones."""
        far = 4 * self._size.max()
        return np.clip(self._scale * (np.asarray(points, float) - self._middle) + self._size / 2, -far, far)

    def _fill(self, outline: np.ndarray, colour: str) -> None:
        context = self._context(colour)
        context.set_linewidth(0)
        self._draw_path(context, np.concatenate([outline, outline[:1]]), _rgba(colour))

    def _stroke(self, points: np.ndarray, colour: str, width: float, dashed: bool = False) -> None:
        context = self._context(colour)
        context.set_linewidth(max(width, 0.75 * self._unit))
        context.set_capstyle("butt" if dashed else "round")
        context.set_joinstyle("round")
        if dashed:
            context.set_dashes(0, [4 * self._unit * _THIN, 2.5 * self._unit * _THIN])
        self._draw_path(context, points, None)

    def _context(self, colour: str) -> Any:
        context = self._renderer.new_gc()
        context.set_foreground(_rgba(colour), isRGBA=True)
        return context

    def _draw_path(self, context: Any, points: np.ndarray, fill: tuple[float, ...] | None) -> None:
        from matplotlib.path import Path
        from matplotlib.transforms import IdentityTransform

        self._renderer.draw_path(context, Path(points), IdentityTransform(), fill)

    def _draw_caption(self, caption: str) -> None:
        size, margin = self._font_size, self._unit * _MARGIN
        top = self._size[1] - margin
        left, right, bottom = margin / 2, self._measure(caption, size) + 1.5 * margin, top - size
        self._fill(
            np.array([(left, bottom), (right, bottom), (right, top + margin / 2), (left, top + margin / 2)]),
            _CAPTION_GROUND,
        )
        self._write(caption, margin, top - 0.4 * size, size, _CAPTION_COLOUR, "left")

    def _measure(self, text: str, size: float) -> float:
        """Return the width of a text in pixels."""
        width, _, _ = self._renderer.get_text_width_height_descent(text, _font(size), ismath=False)
        return width

    def _write(self, text: str, x: float, y: float, size: float, colour: str, align: str) -> None:
        left = x - self._measure(text, size) * {"left": 0.0, "center": 0.5, "right": 1.0}[align]
        # The renderer counts from the top, to the line on which letters stand.
        down = self._size[1] - (y - _DIGITS * size / 2)
        self._renderer.draw_text(self._context(colour), left, down, text, _font(size), 0.0)


def _resize(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def _font(size: float) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family="DejaVu Sans", size=size)


def _rgba(colour: str) -> tuple[float, float, float, float]:
    from matplotlib.colors import to_rgba

    return to_rgba(colour)


def _circle(circle: Circle) -> np.ndarray:
    angle = np.linspace(0, 2 * math.pi, 49)
    return np.column_stack([
        circle.x + circle.radius * np.cos(angle), circle.y + circle.radius * np.sin(angle),
    ])  # fmt: skip
