"""Damaged configs as TOML."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import tomli_w

from neat import Config, Population
from tests.campaigns.inputs import samples
from tests.campaigns.inputs.values import damaged, damaged_text

PIECES = (
    *(
        "=",
        "[",
        "]",
        "[[",
        "]]",
        '"',
        "'''",
        "\n",
        "\r",
        "\0",
        "\ufeff",
        "a.b.c = 1\n",
        "[genome]\n",
        "1979-05-27T07:32:00Z",
    ),
    *("= " + "[" * 3000, "= " + "{a=" * 500, ".".join("a" * 3000) + " = 1\n", "x = " + "9" * 10_000 + "\n"),
)
LARGE = 20_000  # genes of a population; larger ones are not evolved


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Read a damaged config from a text or a file; if it is accepted, evolve its population."""
    sound = samples.config(draw.randrange(4))
    if draw.random() < 0.5:
        text = damaged_text(draw, sound.to_toml(), PIECES)
    else:
        try:
            text = tomli_w.dumps(
                damaged(draw, sound.model_dump(mode="json", exclude_none=True), draw.choice((1, 2, 4)))
            )
        except (TypeError, ValueError, RecursionError, AttributeError):
            text = "[" * 3000
    if draw.random() < 0.5:
        config = Config.from_toml(text)
    else:
        path = folder / "damaged.toml"
        path.write_bytes(text.encode(draw.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")), "replace"))
        config = Config.load(path)
    return lambda: live(config)


def live(config: Config) -> None:
    """Evolve the config's population, unless it is so large that this would take long."""
    assert Config.from_toml(config.to_toml()) == config, "the written config differs"
    genome = config.genome
    layers = (genome.num_inputs + genome.bias_input, *genome.hidden_layers, genome.num_outputs)
    links = sum(a * b for a, b in itertools.pairwise(layers))
    if config.population_size * (links + sum(layers)) <= LARGE:
        samples.live_on(Population(config))
