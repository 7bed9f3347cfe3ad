"""The request for episodes that an engine gets, and the check of their results."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluators.environments.functions import Functions
from evaluators.episodes.actions import ActionScaling
from evaluators.episodes.episode import EpisodeRecord, EpisodeSettings, ObservationScaling, record_block
from neat.genome.buffers import Block


class PlayRequest(NamedTuple):
    """A request for episodes. Its arrays must not be written to afterwards."""

    episodes: int
    """The number of episodes of each network."""
    decision: str
    """The name of the function in `evaluators.episodes.actions` that turns outputs into actions."""
    play: EpisodeSettings
    senses: ObservationScaling
    reach: ActionScaling
    least: bool
    """Whether the fitness is the least reward; otherwise it is the mean times `factor` (see `episode.combined`)."""
    factor: float
    """The factor of the mean."""

    def record_block(self, functions: Functions, networks: int, groups: int) -> Block:
        """Return the Block of an EpisodeRecord of these networks, each with this number of groups to measure."""
        return record_block(
            networks,
            self.episodes,
            groups if self.play.measured else 0,
            functions.observations,
            self.play.limit if self.play.traced else -1,
            functions.states + functions.dimensions + 1,
        )


def check_finite(name: str, record: EpisodeRecord, first: int) -> None:
    """Raise a ValueError if an observation or a reward was not finite.

    Args:
        name: The environment's name.
        record: The results of the episodes.
        first: The index of the first network among all genomes.
    """
    if record.sound.all():
        return
    genome, episode = map(int, np.argwhere(~record.sound)[0])
    raise ValueError(
        f"{name}: an observation or a reward was not finite in step "
        f"{record.length[genome, episode]} of episode {episode} of genome {first + genome}"
    )
