"""What files of pictures hold."""

from PIL import Image


def frames(path):
    """Return the number of a film's frames, and their (width, height)."""
    with Image.open(path) as image:
        return image.n_frames, image.size
