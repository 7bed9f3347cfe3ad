"""Films of episodes: which steps they show, and their files."""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import check_count, check_seconds
from evaluators.environments.shapes import Shape, View
from evaluators.pictures.canvas import WIDTH, Canvas, find_view
from evaluators.pictures.gif import LAST_FRAME_TIME, MOST_FRAMES, encode_gif
from neat.support.files import resolve_file, write_atomically
from neat.support.messages import quote, shorten

MOST_STEPS = 1000
"""Steps of an episode that are shown at most."""
_SECONDS = 6.0  # of a film, within the limits of the frame time
_MIN_FRAME_TIME, _MAX_FRAME_TIME = 0.04, 0.3  # seconds
_MIN_WIDTH, _MAX_WIDTH = 16, 4096


class Span(NamedTuple):
    """The part of an episode that is shown: of a long episode the end if it was terminated, else the beginning."""

    start: int
    stop: int
    """Step after the last one that is shown."""
    steps: int
    """Number of steps of the whole episode."""
    terminated: bool
    seconds: float | None = None
    """Duration of a step; None if time is counted in steps."""

    @classmethod
    def of(cls, steps: int, terminated: bool, seconds: float | None = None, most: int = MOST_STEPS) -> Span:
        """Return the part to show, at most `most` steps, of an episode with a number of steps."""
        start = max(0, steps - most) if terminated else 0
        return cls(start, min(start + most, steps), steps, terminated, seconds)

    @property
    def ending(self) -> str:
        """The reason why the episode ended."""
        return "terminated" if self.terminated else "time limit"

    def caption(self, step: int) -> str:
        """Return the caption of a frame."""
        return f"step {step:,}" + (f", {self.ending}" if step == self.steps else "")

    def __str__(self) -> str:
        if self.stop - self.start < self.steps:
            side = "last" if self.terminated else "first"
            return f"the {side} {self.stop - self.start:,} of {self.steps:,} steps"
        if self.seconds is None:
            return f"{self.steps:,} step{'s' if self.steps != 1 else ''}"
        return f"{self.steps:,} steps of {self.seconds:g} s"


class Film:
    """A file to write a film to, checked before the episode is played.

    Args:
        path: A file that ends in .gif, or in .mp4 if the program ffmpeg is installed.
        width: The greatest width of drawn pictures in pixels.
        seconds: The duration without the last frame, which is held for 1.2 s, but at least 0.02 s a frame in a GIF;
            None: 6 s, but 0.04 to 0.3 s a frame.
        steps: The most steps of an episode to show; None: `MOST_STEPS`.

    Raises:
        ValueError: An argument is out of range, the path has another ending or cannot be written, or ffmpeg is missing.
    """

    def __init__(
        self, path: str | Path, width: int = WIDTH, seconds: float | None = None, steps: int | None = None
    ) -> None:
        self.path = resolve_file(path, "path")
        kind = self.path.suffix.lower()
        if kind not in (".gif", ".mp4"):
            raise ValueError(f"path: must end in .gif or .mp4, got {quote(str(path))}")
        self._is_gif = kind == ".gif"
        if not self._is_gif and shutil.which("ffmpeg") is None:
            raise ValueError("path: .mp4 needs the program ffmpeg, which is not installed; use .gif")
        check_count("width", width, _MIN_WIDTH, _MAX_WIDTH)
        if seconds is not None:
            check_seconds("seconds", seconds)
        if steps is not None:
            check_count("steps", steps, 1, MOST_STEPS)
        self.width = int(width)
        self.most_steps = steps
        self._seconds = seconds

    @property
    def most_frames(self) -> int:
        """The greatest number of frames."""
        return MOST_FRAMES if self._is_gif else MOST_STEPS + 1

    def choose_steps(self, span: Span) -> np.ndarray:
        """Return evenly spaced steps from the start to the stop of a span, both included."""
        return choose_steps(span.start, span.stop, self.most_frames)

    def write_shapes(self, shapes: Sequence[Sequence[Shape]], captions: Sequence[str]) -> None:
        """Write a film of drawn pictures, one for each list of shapes.

        Lines have replaced the trails in them (see `Trails`).
        """
        canvas = Canvas(find_view(shape for each in shapes for shape in each), self.width)
        self.write([canvas.draw(each, caption) for each, caption in zip(shapes, captions, strict=True)])

    def write_pictures(self, pictures: Sequence[np.ndarray], captions: Sequence[str]) -> None:
        """Write a film of pictures, uint8 (height, width, 3), scaled to the width of the film.

        Raises:
            ValueError: The pictures differ in shape.
        """
        height, width, _ = pictures[0].shape
        different = next((picture.shape for picture in pictures if picture.shape != pictures[0].shape), None)
        if different is not None:
            raise ValueError(
                f"frames: expected pictures of one shape, got {pictures[0].shape} and {different}"
            )
        canvas = Canvas(View(0, 0, width, height), self.width)
        pairs = zip(pictures, captions, strict=True)
        self.write([canvas.draw([], caption, picture) for picture, caption in pairs])

    def write(self, frames: Sequence[np.ndarray]) -> None:
        """Write a film of pictures of one shape, uint8 (height, width, 3)."""
        seconds = self._seconds
        if seconds is None:
            seconds = len(frames) * float(np.clip(_SECONDS / len(frames), _MIN_FRAME_TIME, _MAX_FRAME_TIME))
        write_atomically(
            self.path, encode_gif(frames, seconds) if self._is_gif else _encode_mp4(frames, seconds)
        )


def choose_steps(start: int, stop: int, most: int = MOST_FRAMES) -> np.ndarray:
    """Return evenly spaced steps from `start` to `stop`, both included, `most` at most."""
    stride = -(-(stop - start) // (most - 1)) or 1
    return np.append(np.arange(start, stop, stride), stop)


def thin_out(frames: Iterable[Any], most: int) -> list[tuple[int, Any]]:
    """Return at most `most` of the frames, evenly spaced, and the last, with their numbers. Others are not kept."""
    kept: list[tuple[int, Any]] = []
    stride, last = 1, None
    for last in enumerate(frames):
        if last[0] % stride == 0:
            if len(kept) == most - 1:
                kept, stride = kept[::2], 2 * stride
                if last[0] % stride:
                    continue
            kept.append(last)
    if last is not None and kept[-1][0] != last[0]:
        kept.append(last)
    return kept


def check_picture(place: str, picture: Any) -> np.ndarray:
    """Return a copy of a picture without opacity; raise a ValueError, which begins with `place`, for another value."""
    if (
        not isinstance(picture, np.ndarray)
        or picture.dtype != np.uint8
        or picture.ndim != 3
        or picture.shape[2] not in (3, 4)
        or 0 in picture.shape
    ):
        got = (
            f"shape {picture.shape} and dtype {picture.dtype}"
            if isinstance(picture, np.ndarray)
            else quote(picture)
        )
        raise ValueError(f"{place}: expected a picture, uint8 (height, width, 3), got {got}")
    return picture[..., :3].copy()


def _encode_mp4(frames: Sequence[np.ndarray], seconds: float) -> bytes:
    """Return a film in H.264, which browsers play; ffmpeg makes its sizes even."""
    height, width, _ = frames[0].shape
    rate = len(frames) / seconds
    held = [frames[-1]] * math.ceil(rate * LAST_FRAME_TIME)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "film.mp4")  # ffmpeg cannot write this format to a pipe
        command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
        command += ["-r", f"{rate:g}", "-i", "-", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white"]
        command += ["-pix_fmt", "yuv420p", "-movflags", "+faststart", str(file)]
        done = subprocess.run(
            command, input=b"".join(frame.tobytes() for frame in (*frames, *held)), capture_output=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"ffmpeg failed: {shorten(done.stderr.decode(errors='replace'), 500)}")
        return file.read_bytes()
