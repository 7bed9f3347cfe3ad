"""Convert a run's whole state to named arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from neat.config.config import Config
from neat.evolution.champions import MOST_CANDIDATES
from neat.evolution.history import History
from neat.evolution.lineage import Lineage
from neat.evolution.speciation import Species
from neat.evolution.target import Solution
from neat.genome.files import function_names, restore_functions
from neat.genome.genome import Genome, GenomeArrays
from neat.state.checkpoint_validation import (
    HEAD,
    Counters,
    Numbers,
    check_all_arrays,
    check_state,
    kept_genomes,
)
from neat.state.run_state import RunState
from neat.support.archive import check_arrays, join_groups, select_group
from neat.support.messages import restate_errors, shorten

FORMAT = 4

_State = TypeVar("_State", bound=RunState)


def to_arrays(state: RunState) -> dict[str, np.ndarray]:
    """Return the whole state as named arrays, some of which share its memory."""
    species = state.species._asdict()
    representative = species.pop("representative")
    groups = {
        "genomes": state.genomes.arrays._asdict(),
        "species": species,
        "representative": representative._asdict(),
        "innovations": state.innovations.state(),
        "evaluator": state.evaluator_state,
    }
    if state.lineage is not None:
        groups["lineage"] = state.lineage.state()
    kept = {
        name: {**genome.genomes.arrays._asdict(), "generation": np.array(genome.genomes.generation)}
        for name, genome in kept_genomes(state).items()
    }
    return {
        "format": np.array(FORMAT),
        **function_names(),
        "config": np.frombuffer(state.config.to_toml().encode(), np.uint8),
        "counters": np.array([getattr(state, name) for name in Counters._fields]),
        "numbers": _pack_numbers(state),
        "first_parent": state.first_parent,
        "second_parent": state.second_parent,
        "birth": state.birth,
        "history.generations": state.history.generations,
        "history.species": state.history.species,
        **join_groups(groups),
        "candidates": np.array(state.candidates.fitness, np.float64),
        **join_groups(kept),
    }


def from_arrays(arrays: dict[str, np.ndarray], new: Callable[[Config], _State]) -> _State:
    """Return the state that `to_arrays` converted. The state keeps the arrays without a copy.

    Args:
        arrays: From a file, which may be made by hand. All are checked before compiled code reads them.
        new: Returns a state without genomes for a config.

    Raises:
        ValueError: The arrays have another format, or values that no run can produce; the message names the array.
    """
    check_arrays(arrays, {"format": HEAD["format"]})
    if arrays["format"] != FORMAT:
        raise ValueError(f"is a checkpoint of format {arrays['format']}; this version reads format {FORMAT}")
    check_arrays(arrays, HEAD)
    try:
        config = Config.from_toml(arrays["config"].tobytes().decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"config: {shorten(str(error))}") from None
    check_all_arrays(arrays, config)
    restore_functions(arrays)

    state = new(config)
    counters = Counters(*arrays["counters"].tolist())
    state._set_genomes(counters.generation, GenomeArrays(**select_group("genomes", arrays)))
    for name, value in counters._asdict().items():
        setattr(state, name, value)
    numbers = Numbers(*arrays["numbers"].tolist())
    state.threshold, state.best_fitness = numbers.threshold, numbers.best_fitness
    state.first_parent, state.second_parent = arrays["first_parent"], arrays["second_parent"]
    state.birth = arrays["birth"]
    state.history = History(arrays["history.generations"], arrays["history.species"])
    representative = GenomeArrays(**select_group("representative", arrays))
    state.species = Species(**select_group("species", arrays), representative=representative)
    state.innovations.restore(select_group("innovations", arrays))
    state.evaluator_state = select_group("evaluator", arrays)
    _restore_kept_genomes(state, numbers, arrays)
    if lineage := select_group("lineage", arrays):
        state.lineage = Lineage.restored(config, counters.generation, lineage)
    check_state(state)
    if not config.reproduction.keep_best:
        state.kept = -1  # earlier versions wrote where the best genome was in its own generation
    return state


def _pack_numbers(state: RunState) -> np.ndarray:
    _, fitness, target = state.solution or (None, -np.inf, None)
    known = Numbers(state.threshold, state.best_fitness, fitness, np.nan if target is None else target)
    return np.array(known, np.float64)


def _restore_kept_genomes(state: RunState, numbers: Numbers, arrays: dict[str, np.ndarray]) -> None:
    state.best = _restore_genome(state, "best", arrays)
    solution = _restore_genome(state, "solution", arrays)
    if solution is not None:
        target = None if math.isnan(numbers.solution_target) else numbers.solution_target
        state.solution = Solution(solution, numbers.solution_fitness, target)
    candidates = [_restore_genome(state, f"candidate{k}", arrays) for k in range(MOST_CANDIDATES)]
    state.candidates.genomes = [genome for genome in candidates if genome is not None]
    state.candidates.fitness = arrays["candidates"].tolist()


def _restore_genome(state: RunState, name: str, arrays: dict[str, np.ndarray]) -> Genome | None:
    genes = select_group(name, arrays)
    if not genes:
        return None
    generation = int(genes.pop("generation"))
    genomes = state.genomes.with_arrays(GenomeArrays(**genes))
    genomes.generation = generation
    with restate_errors(f"{name}: "):
        return Genome(genomes)
