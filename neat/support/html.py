"""Make the tables that notebooks show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape


def table_of_facts(caption: str, facts: Mapping[str, str]) -> str:
    """Return a table with a row for each fact: its name and its value."""
    body = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th><td style="text-align: left">{escape(value)}</td></tr>'
        for name, value in facts.items()
    )
    return f"<table>{_caption(caption)}{body}</table>"


def table_of_rows(caption: str, names: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table with a name above each column."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table>{_caption(caption)}<tr>{head}</tr>{body}</table>"


def _caption(text: str) -> str:
    """Return a caption on one line, which can be wider than a small table."""
    return f'<caption style="white-space: nowrap">{escape(text)}</caption>' if text else ""
