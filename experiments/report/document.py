"""Write the report of a run as one HTML file, with its styles, scripts and data."""

from __future__ import annotations

import json
import re
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

_PAGE = resources.files("experiments.report") / "page"
_SCRIPTS = ("charts.js", "network.js", "page.js")


def render_document(title: str, sections: dict[str, str], data: dict[str, Any]) -> str:
    """Return an HTML document.

    Args:
        title: The title.
        sections: HTML by the names of the placeholders in page.html; those of parts that are missing are empty.
        data: What the scripts draw.

    Raises:
        ImportError: mpld3, which has the library for drawing, is not installed.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    parts = {
        **sections,
        "title": escape(title),
        "style": _read("page.css"),
        "d3": _read_d3(),
        "data": text.replace("<", "\\u003c"),  # no text in the data can end the script
        "scripts": "\n".join(map(_read, _SCRIPTS)),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read("page.html"))


def _read(name: str) -> str:
    return (_PAGE / name).read_text("utf-8")


def _read_d3() -> str:
    """Return the library D3 (https://d3js.org), which the package mpld3 ships as a file."""
    try:
        from mpld3.urls import D3_LOCAL
    except ImportError:
        raise ImportError("show: needs mpld3: pip install 'batchneat[report]'") from None
    return Path(D3_LOCAL).read_text("utf-8")
