"""Parts of the site that the build generates: tables of settings, the list of examples, links out of `docs/`."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from neat import Config, GenomeConfig
from neat.config.explanation import Setting, list_settings, plain

ROOT = Path(__file__).parents[2]
SETTINGS = "<!-- tables of settings -->"
EXAMPLES = "<!-- examples -->"
# Files that the site includes in pages of its own, as `docs/` links to them, and their pages.
PAGES = {
    "../benchmarks/RESULTS.md": "results.md",
    "../CHANGELOG.md": "changes.md",
    "../CONTRIBUTING.md": "contributing.md",
    "../README.md": "index.md",
}
PRESETS = "stanley2002", "stanley2002-large"


class Row(NamedTuple):
    """A row of a table: a setting, or those of several sections with the same name and meaning."""

    settings: list[Setting]

    def cells(self) -> tuple[str, ...]:
        """Return its name, default, the paper's value, meaning with what is allowed, and when to change it."""
        first = self.settings[0]
        meaning, _, advice = first.text.partition(". ")
        meaning = re.sub(r"\s*\(2002[^)]*\)", "", meaning).removesuffix(".")  # the third column says it
        allowed = first.allowed[0].upper() + first.allowed[1:]
        default = _join([setting.default for setting in self.settings])
        paper, larger = (_join([_value(preset, setting) for setting in self.settings]) for preset in PRESETS)
        if larger != paper:
            paper += f"<br>larger: {larger}"
        return f"`{first.path.split('.')[-1]}`", default, paper, f"{meaning}.<br>*{allowed}.*", advice


def settings_tables() -> str:
    """Return Markdown with a table for each section of a config."""
    parts = []
    for sections, rows in _tables().items():
        parts += [f"## {', '.join(f'`{section}`' for section in sections) or 'The run'}", ""]
        parts += [_section_text(sections[0]) if sections else "", "", ":::{container} settings"]
        parts += ["| setting | default | 2002 | meaning | when to change it |", "|---|---|---|---|---|"]
        parts += ["| " + " | ".join(cell.replace("|", r"\|") for cell in row.cells()) + " |" for row in rows]
        parts += [":::", ""]
    return "\n".join(parts)


def _tables() -> dict[tuple[str, ...], list[Row]]:
    """Return the rows of each table by the sections that it has; sections of the same class share a table."""
    by_section: dict[str, list[Setting]] = {"": []}
    for setting in list_settings(Config):
        by_section.setdefault(setting.path.rpartition(".")[0], []).append(setting)
    tables: dict[tuple[str, type], list[str]] = {}
    for section in by_section:
        tables.setdefault((section.rpartition(".")[0], _section_class(section)), []).append(section)
    return {
        tuple(filter(None, sections)): [
            Row(list(row)) for row in zip(*(by_section[section] for section in sections), strict=True)
        ]
        for sections in tables.values()
    }


def _section_class(section: str) -> type[BaseModel]:
    """Return the class of the section with this path."""
    cls: Any = Config
    for name in filter(None, section.split(".")):
        cls = cls.model_fields[name].annotation
    return cls


def _section_text(section: str) -> str:
    return inspect.getdoc(_section_class(section)) or ""


def _value(preset: str, setting: Setting) -> Any:
    """Return the value of a setting in a preset, or its default if the preset does not change it."""
    value: Any = _preset_settings(preset)
    for name in setting.path.split("."):
        if name not in value:
            return setting.default
        value = value[name]
    return value


_preset_settings = functools.cache(Config.preset_settings)


def _join(values: list[Any]) -> str:
    """Return values as code, or one of them if they are equal."""
    shown = ["required" if value is ... else f"`{plain(value)}`" for value in values]
    return shown[0] if len(set(shown)) == 1 else ", ".join(shown)


def examples() -> str:
    """Return a section of Markdown for each script in `examples/`."""
    parts = []
    for path in sorted((ROOT / "examples").glob("*.py")):
        source = path.read_text("utf-8")
        tree = ast.parse(source)
        doc = ast.get_docstring(tree) or ""
        after_doc = source.split("\n", tree.body[0].end_lineno or 0)[-1].strip("\n")
        parts += [f"## {path.name}", "", doc, "", "```python", after_doc, "```", ""]
    return "\n".join(parts)


def fill_pages(app: Any, docname: str, source: list[str]) -> None:
    """Put the generated parts into pages, and lead links to files outside of `docs/` to the pages that include them."""
    text = source[0]
    for target, page in PAGES.items():
        up = "../" * docname.count("/")
        text = text.replace(f"]({up}{target}", f"]({up}{page}")
    for marker, generate, files in (
        (SETTINGS, settings_tables, (ROOT / "neat" / "config").rglob("*.*")),
        (EXAMPLES, examples, (ROOT / "examples").glob("*.py")),
    ):
        if marker in text:
            text = text.replace(marker, generate())
            for file in files:
                app.env.note_dependency(str(file))
    source[0] = text


def adapt_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let absolute values be no substitutions of reStructuredText, and leave the list of settings to its own page."""
    if obj is Config:
        del lines[lines.index("Settings:") :]
        lines.append("See :doc:`every setting </settings>`.")
    lines[:] = [line.replace("|", r"\|") for line in lines]


def adapt_signature(app: Any, what: str, name: str, obj: Any, *rest: Any) -> tuple[str, None] | None:
    """Leave the list of settings out of signatures."""
    return ("(**settings)", None) if obj in (Config, GenomeConfig) else None


def setup(app: Any) -> dict[str, Any]:
    """Connect the functions of this file to Sphinx."""
    app.connect("source-read", fill_pages)
    app.connect("autodoc-process-docstring", adapt_docstring)
    app.connect("autodoc-process-signature", adapt_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
