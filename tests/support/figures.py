"""What a figure shows: its texts, curves and legends."""

import xml.etree.ElementTree as ElementTree

import numpy as np

SVG = "{http://www.w3.org/2000/svg}"


def texts(figure):
    """Return the texts of a figure in the order of its SVG, by text elements."""
    tree = ElementTree.fromstring(figure._repr_svg_())
    return [node.text for node in tree.iter(f"{SVG}text") if node.text and node.text.strip()]


def curve(figure, label):
    """Return x and y of the line with a label."""
    lines = [line for axes in figure.axes for line in axes.lines if line.get_label() == label]
    assert len(lines) == 1
    return np.array(lines[0].get_data())


def legend(figure):
    """Return the texts of the legends of a figure and of its axes."""
    boxes = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    return [text.get_text() for box in boxes if box is not None for text in box.get_texts()]
