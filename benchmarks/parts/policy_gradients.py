"""Gradients through the topology of a champion on Pendulum, beside evolution with the same processor time on one core.

Evolution spends half of the time. Then it goes on, or the champion's weights are improved: by policy gradients, or by
an evolution strategy, which has no gradients. `docs/policies.md` explains the arms and has the answer.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import evaluators
from benchmarks.support.report import Table, one_thread, seconds
from evaluators import Rollout
from evaluators.environments.functions import FUNCTIONS, jitted_functions
from evaluators.episodes.episode import as_input
from evaluators.gradient import fit_weights, optim
from evaluators.gradient.ppo.objective import estimate_advantages
from experiments.cli.flags import Options
from experiments.cli.settings import build_config
from experiments.comparison.evolving import count_parameters
from experiments.runs.statistics import bootstrap
from experiments.tasks.control import REPORT_TRIAL, UNSEEN_STARTS
from experiments.tasks.pendulum import Pendulum
from neat import Genome, Population
from neat.activations import ACTIVATIONS
from neat.evolution.champions import MOST_CANDIDATES, Candidates
from neat.kernels.jit import specialise
from neat.kernels.rng import EVALUATION

FIRST_SEED, RUNS = 5_000, 20
BUDGETS = (0.5, 2.0)  # seconds of processor time
# The arms that begin with evolution, and settings of their genomes that differ from those of the experiment.
EVOLVED: dict[str, dict[str, Any]] = {"NEAT": {}, "NEAT of tanh nodes": {"activation": "tanh"}}
DENSE = {"activation": "tanh", "hidden_layers": (24,)}
TASK = Pendulum()

# The environment's functions, to which copies of the template below are bound (see `specialise`).
reset: Any = None
observe: Any = None
step: Any = None


class GradientSettings(NamedTuple):
    deviation: float = 0.5  # of an action, as a share of the output's range
    episodes: int = 16  # of an update
    rate: float = 0.06  # of Adam at first; it falls linearly to 0
    betas: tuple[float, float] = (0.9, 0.99)  # of Adam
    steps: int = 10  # of Adam in an update
    gamma: float = 0.98
    gae_lambda: float = 1.0
    ridge: float = 1e-3  # of the fit of values


class StrategySettings(NamedTuple):
    deviation: float = 1.0  # of weights and biases at first; it falls linearly to 0
    copies: int = 40  # of a step
    best: int = 5  # the number of copies whose mean is the next centre


# --- Episodes with noise


class Batch(NamedTuple):
    """Episodes of a network whose actions are drawn around its outputs."""

    inputs: np.ndarray  # float32 (episodes, steps + 1, inputs)
    output: np.ndarray  # float32 (episodes, steps)
    drawn: np.ndarray  # float32 (episodes, steps), before it is limited to the output's range
    reward: np.ndarray  # float64 (episodes, steps)


class Reach(NamedTuple):
    """How an output becomes an action: its range is scaled to the bounds of the action."""

    low: Any  # float32, of the output
    width: Any  # float32, of the output's range
    lowest: Any  # float32, of the action
    span: Any  # float32, of the action's range


def _advance(key, drawn, reach, constants, senses, state, reward, inputs):
    """Begin the episodes if the time in `key` is 0, else make a step of each; write what the network sees next."""
    seed, update, time = key
    observation, action = np.empty(inputs.shape[1], state.dtype), np.empty(1, np.float32)
    for episode in range(len(state)):
        random = (seed, update, np.uint64(episode + 1), np.uint64(EVALUATION), time)
        if time == 0:
            reset(state[episode], constants, random)
        else:
            share = min(max((drawn[episode] - reach.low) / reach.width, np.float32(0)), np.float32(1))
            action[0] = reach.lowest + reach.span * share
            reward[episode], _ = step(state[episode], action, constants, random)
        observe(state[episode], constants, observation)
        for k in range(len(observation)):
            inputs[episode, k] = as_input(observation[k], senses.offset[k], senses.factor[k], senses.limit)


@functools.cache
def _advance_kernel() -> Any:
    functions = TASK.environment().functions()
    return specialise(_advance, "pendulum", dict(zip(FUNCTIONS, jitted_functions(functions), strict=True)))


def play(genome: Genome, evaluator: Rollout, settings: GradientSettings, seed: int, update: int) -> Batch:
    """Play episodes from fresh starts."""
    advance = _advance_kernel()
    networks, environment, senses = evaluators.compile(genome), evaluator.environment, evaluator.senses()
    episodes, limit = settings.episodes, environment.time_limit
    activation = ACTIVATIONS[genome.genomes.arrays.node_activation[0]]
    (lowest,), (highest,) = np.array(environment.actions)
    width = activation.high - activation.low
    reach = Reach(*np.array([activation.low, width, lowest, highest - lowest], np.float32))
    # The first row of these has no meaning, since a time is that after a step.
    drawn = np.random.default_rng([seed, update]).standard_normal((limit + 1, episodes), np.float32)
    drawn *= np.float32(settings.deviation * width)
    output, reward = np.zeros((limit + 1, episodes), np.float32), np.empty((limit + 1, episodes))
    inputs = np.empty((limit + 1, episodes, evaluator.num_inputs), np.float32)
    state: np.ndarray = np.empty((episodes, len(environment.state_names)), environment.precision)
    for now in range(limit + 1):
        if now:
            output[now] = networks.activate(inputs[now - 1])[0, :, 0]
            drawn[now] += output[now]
        key = np.uint64(seed), np.uint64(update), np.uint64(now)
        advance(key, drawn[now], reach, environment.constants, senses, state, reward[now], inputs[now])
    return Batch(inputs.swapaxes(0, 1), output[1:].T, drawn[1:].T, reward[1:].T)


# --- Ways to improve a champion


class _Adam(optim.Adam):
    """An Adam whose steps `fit_weights` takes in Python, so that its moments can be read."""


def improve_by_gradients(
    genome: Genome, evaluator: Rollout, seed: int, settings: GradientSettings, share: Callable[[], float]
) -> Iterator[Genome]:
    """Yield the genome after each update; `share` returns the share of the time that is spent.

    With the mean z of a Gaussian policy, the gradient of A log π(a) with respect to z has the direction A (a - z). So
    has that of the squared error with the target z + A (a - z).
    """
    weights, update = np.zeros(0), 0
    last: list[_Adam] = []

    def continued(parameters: list[Any]) -> _Adam:
        """Return an Adam that goes on from the moments of the last update."""
        adam = _Adam(parameters, settings.rate * (1 - spent), settings.betas)
        if last:
            adam.restore(last.pop().state())
        last.append(adam)
        return adam

    while (spent := share()) < 1:
        batch = play(genome, evaluator, settings, seed, update)
        advantage, weights = _estimate(batch, weights, settings)
        target = batch.output + advantage * (batch.drawn - batch.output)
        inputs = batch.inputs[:, :-1].reshape(target.size, -1)
        genome = fit_weights(genome, inputs, target.reshape(-1, 1), continued, settings.steps).genomes[0]
        update += 1
        yield genome


def _estimate(batch: Batch, weights: np.ndarray, settings: GradientSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return normalised advantages, (episodes, steps), and the weights of a cubic value function, fitted to returns."""
    features = _cubic(batch.inputs)
    ended = np.zeros(batch.reward.shape, bool)
    ended[:, -1] = True
    discounts = settings.gamma, settings.gae_lambda

    def estimate(values: np.ndarray) -> np.ndarray:
        return estimate_advantages(batch.reward, values[:, :-1], values[:, 1:], ended, *discounts)

    values = features @ weights if len(weights) else np.zeros(batch.inputs.shape[:2])
    known = features[:, :-1].reshape(-1, features.shape[2])
    returns = (estimate(values) + values[:, :-1]).ravel()
    square = known.T @ known + settings.ridge * len(known) * np.eye(known.shape[1])
    weights = np.linalg.solve(square, known.T @ returns)
    advantage = estimate(features @ weights)
    return (advantage - advantage.mean()) / advantage.std(), weights


def _cubic(inputs: np.ndarray) -> np.ndarray:
    """Return all products of at most three inputs, in the last axis."""
    extended = np.concatenate([np.ones((*inputs.shape[:-1], 1)), inputs], axis=-1)
    size = range(extended.shape[-1])
    triples = [(i, j, k) for i in size for j in size[i:] for k in size[j:]]
    return np.stack([extended[..., triple].prod(axis=-1) for triple in map(list, triples)], axis=-1)


def improve_by_strategy(
    genome: Genome, evaluator: Rollout, seed: int, settings: StrategySettings, share: Callable[[], float]
) -> Iterator[Genome]:
    """Yield the genome after each step: the mean of the best of many copies with noise, each played from fresh starts.

    This is the (μ/μ, λ) evolution strategy (Beyer and Schwefel 2002) with a deviation that falls with time.
    """
    random, update = np.random.default_rng(seed), 0
    while (spent := share()) < 1:
        batch = genome.genomes.take(np.zeros(settings.copies, np.int64))
        batch.seed, batch.generation = seed, update
        copies = []
        for name, limits in (("connection_weight", "weight"), ("node_bias", "bias")):
            values = getattr(batch.arrays, name)
            values += settings.deviation * (1 - spent) * random.standard_normal(len(values), np.float32)
            np.clip(values, *getattr(batch.bounds, limits), out=values)
            copies.append((name, values.reshape(settings.copies, -1)))
        best = np.argsort(-evaluator(batch))[: settings.best]
        centre = batch.take(np.zeros(1, np.int64))
        for name, values in copies:
            getattr(centre.arrays, name)[:] = values[best].mean(axis=0)
        genome = centre[0]
        update += 1
        yield genome


GRADIENTS, STRATEGY = GradientSettings(), StrategySettings()
IMPROVE = {
    "policy gradients": functools.partial(improve_by_gradients, settings=GRADIENTS),
    "evolution strategy": functools.partial(improve_by_strategy, settings=STRATEGY),
}


# --- Runs


class Run(NamedTuple):
    """The end of a run."""

    score: float  # mean reward over fresh episodes
    parameters: int
    updates: int  # generations, or updates of the champion


class Evolution:
    """NEAT that goes on from budget to budget.

    Args:
        seed: The seed of the run.
        genome: Settings of genomes that differ from those of the experiment.
    """

    def __init__(self, seed: int, genome: dict[str, Any]) -> None:
        self.seed = seed
        self.evaluator = TASK.evaluator("cpu")
        config = build_config(TASK, self.evaluator, Options(), {"seed": seed, "genome": genome})
        self.population = Population(config)
        self.spent = 0.0

    def run(self, budget: float) -> Genome:
        """Evolve until this processor time is spent, and return the champion.

        A generation that begins within the budget is finished. The champion is chosen as `Population.run` does, which
        takes no budget.
        """
        population, begin = self.population, time.process_time() - self.spent
        while time.process_time() - begin < budget:
            fitness = self.evaluator(population.ask())
            population.candidates.add_champion(population.ask(), fitness)
            population.tell(fitness)
        self.spent = time.process_time() - begin
        return population.candidates.choose(self.evaluator.validate, self.seed)[0]


def score(genome: Genome, updates: int) -> Run:
    """Return a Run that ended with this genome."""
    reward = TASK.evaluator("cpu").play(genome, UNSEEN_STARTS, trial=REPORT_TRIAL).reward
    return Run(float(reward.mean()), count_parameters(genome), updates)


def improve(champion: Genome, seed: int, budget: float, method: Callable[..., Iterator[Genome]]) -> Run:
    """Improve a champion; choose among it and genomes on the way as evolution chooses among its candidates."""
    evaluator, kept, updates = TASK.evaluator("cpu"), Candidates(), 0
    kept.genomes.append(champion)
    begin = time.process_time()

    def share() -> float:
        return (time.process_time() - begin) / budget

    for genome in method(champion, evaluator, seed, share=share):
        updates += 1
        if share() * (MOST_CANDIDATES - 1) >= len(kept.genomes):
            kept.genomes.append(genome)
    return score(kept.choose(evaluator.validate, seed)[0], updates)


def run(quick: bool) -> dict[str, Any]:
    with one_thread():
        _run_seed(FIRST_SEED - 1, (0.3,))  # loads or compiles the kernels
        seeds = range(FIRST_SEED, FIRST_SEED + (2 if quick else RUNS))
        found = [_run_seed(seed, BUDGETS) for seed in seeds]
    return {
        str(budget): {arm: [each[budget][arm] for each in found] for arm in found[0][budget]}
        for budget in BUDGETS
    }


def _run_seed(seed: int, budgets: tuple[float, ...]) -> dict[float, dict[str, Run]]:
    """Run all arms; those of one kind of genomes share the first half of evolution."""
    result: dict[float, dict[str, Run]] = {budget: {} for budget in budgets}
    for name, genome in EVOLVED.items():
        evolution = Evolution(seed, genome)
        for budget, arms in result.items():
            champion = evolution.run(budget / 2)
            for method, improved in IMPROVE.items():
                arms[f"{name}, then {method}"] = improve(champion, seed, budget / 2, improved)
            arms[name] = score(evolution.run(budget), evolution.population.generation)
    dense = Evolution(seed, DENSE).population.ask()[0]
    for budget, arms in result.items():
        for method, improved in IMPROVE.items():
            arms[f"dense network, {method}"] = improve(dense, seed, budget, improved)
    return result


def tables(result: dict[str, Any]) -> list[Table]:
    return [*(_scores(float(budget), arms) for budget, arms in result.items()), _differences(result)]


def _scores(budget: float, arms: dict[str, list[Any]]) -> Table:
    rows = []
    for arm, found in arms.items():
        scores, parameters, updates = (np.array(column) for column in zip(*found, strict=True))
        medians = f"{np.median(scores):.0f}", f"{np.median(parameters):.0f}", f"{np.median(updates):.0f}"
        rows.append([arm, _with_interval(scores), *medians])
    return Table(
        f"Pendulum: reward over {UNSEEN_STARTS} fresh episodes, {seconds(budget)} of one core",
        ["arm", "mean (95 %)", "median", "parameters", "updates"],
        rows,
        [
            "Medians of parameters and updates: generations or, after evolution, updates of one network. "
            f"Seeds from {FIRST_SEED}. The choice among candidates at the end is not part of the time."
        ],
    )


def _differences(result: dict[str, Any]) -> Table:
    rows = []
    for budget, arms in result.items():
        score = {arm: np.array([each[0] for each in found]) for arm, found in arms.items()}
        for start in (*(f"{name}, then" for name in EVOLVED), "dense network,"):
            gradients, strategy = (score[f"{start} {method}"] for method in IMPROVE)
            control = score.get(start.removesuffix(", then"))
            over = (
                ["", ""] if control is None else [_with_interval(x - control) for x in (gradients, strategy)]
            )
            name = start.split(",")[0]
            rows.append([f"{name}, {seconds(float(budget))}", *over, _with_interval(gradients - strategy)])
    return Table(
        "Pendulum: mean difference of the reward with the same seed (95 %)",
        ["start", "gradients − evolution alone", "strategy − evolution alone", "gradients − strategy"],
        rows,
    )


def _with_interval(values: np.ndarray) -> str:
    low, high = bootstrap(values.tolist())
    return f"{values.mean():.0f} ({low:.0f} – {high:.0f})"
