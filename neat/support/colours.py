"""The colours of all figures and pictures."""

BLUE, ORANGE, GREY, INK = "#2166ac", "#d6604d", "#8c8c8c", "#222222"
PALE_BLUE, PALE_ORANGE = "#a6c8e4", "#efb8ad"
