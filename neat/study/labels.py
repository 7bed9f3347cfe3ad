"""Shorten the names of arms that share settings, such as "global, stanley2002" and "pairing, stanley2002"."""

from __future__ import annotations

from collections.abc import Sequence

_SEPARATOR = ", "


def separate_common(names: Sequence[str]) -> tuple[list[str], str]:
    """Return the names without the settings that all of them share, and these settings."""
    parts = [name.split(_SEPARATOR) for name in names]
    if len({len(words) for words in parts}) > 1:
        return list(names), ""
    columns = list(zip(*parts, strict=True))
    kept = [column for column in columns if len(set(column)) > 1] or columns
    common = [column[0] for column in columns if column not in kept]
    return [_SEPARATOR.join(words) for words in zip(*kept, strict=True)], _SEPARATOR.join(common)


def name_pair(arm: str, control: str) -> str:
    """Return the name of a comparison, such as "pairing / global (stanley2002)"."""
    (first, second), common = separate_common([arm, control])
    return f"{first} / {second}" + (f" ({common})" if common else "")
