"""What an engine is asked to play, and the refusal of episodes that were not sound."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluators.environments.functions import Functions
from evaluators.episodes.actions import Reach
from evaluators.episodes.episode import Play, Record, Senses, record_block
from neat.genome.buffers import Block


class PlayRequest(NamedTuple):
    """Episodes for an engine to play. Nobody may write to the arrays in it afterwards."""

    episodes: int
    """Episodes of each network."""
    decision: str
    """The function of `evaluators.episodes.actions` that makes actions of outputs."""
    play: Play
    senses: Senses
    reach: Reach
    least: bool
    """Whether the fitness is the least reward, or else the mean (see `evaluators.episodes.episode.combined`)."""
    factor: float
    """What the mean is multiplied by."""

    def record_block(self, functions: Functions, networks: int, groups: int) -> Block:
        """The Block of a Record of so many networks, each with so many groups of lanes to measure."""
        return record_block(
            networks,
            self.episodes,
            groups if self.play.measured else 0,
            functions.observations,
            self.play.limit if self.play.traced else -1,
            functions.states + functions.dimensions + 1,
        )


def refuse_unsound(name: str, record: Record) -> None:
    """ValueError if an observation or a reward was not finite in an environment of this name."""
    if record.sound.all():
        return
    genome, episode = map(int, np.argwhere(~record.sound)[0])
    raise ValueError(
        f"{name}: an observation or a reward was not finite in step "
        f"{record.length[genome, episode]} of episode {episode} of genome {genome}"
    )
