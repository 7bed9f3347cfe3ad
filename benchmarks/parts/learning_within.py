"""Learning within evolution, beside evolution alone and an MLP, with the same processor time on one core.

The tasks and the MLPs are those of `python -m experiments compare`, on seeds by which no setting was chosen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import evaluators
from benchmarks.support.report import Table, one_thread, seconds
from evaluators.gradient import losses, optim
from evaluators.gradient.optim.optimiser import Rate
from experiments.cli.flags import Options
from experiments.cli.settings import build_config
from experiments.comparison.evolving import count_parameters
from experiments.comparison.methods import TASKS, score_name
from experiments.runs.statistics import bootstrap, wilson
from experiments.tasks.prediction import STEPS, Prediction, predictions
from neat import Config, Population

FIRST_SEED = 5_000
WARM_UP = 3  # generations before the clock starts, of another run: they load or compile the kernels


class Case(NamedTuple):
    """A task with a budget."""

    task: str
    budget: float  # seconds of processor time
    runs: int


CASES = (Case("regression", 0.1, 100), Case("spirals", 0.2, 100), Case("parity", 0.26, 200))
# Polishing takes less than the rest of a second.
POLISHED = Case("regression", 0.85, 100)
ENOUGH = 0.999  # R² of a polished champion


def adam(rate: Rate) -> Callable[[list[Any]], Any]:
    """Return a function that makes an Adam of parameters."""
    return lambda parameters: optim.Adam(parameters, rate)


class Arm(NamedTuple):
    """What a run does."""

    arguments: dict[str, Any]  # of Supervised
    polishes: bool = False  # whether the champion is polished at the end
    wrap: Callable[[Population, evaluators.Supervised], Any] = lambda population, evaluator: evaluator


ARMS = {
    "NEAT": Arm({}),
    "all learn, 10 steps at 0.01": Arm({"learn_steps": 10, "learn_best": 1.0, "optimiser": adam(0.01)}),
    "best tenth, 30 steps at 0.1": Arm({"learn_steps": 30}),
    "best tenth, then polished": Arm({"learn_steps": 30}, polishes=True),
}


class Run(NamedTuple):
    """The end of a run."""

    score: float
    parameters: int
    generations: int  # of an MLP: epochs
    seconds: float  # processor time, with polishing


def run(quick: bool) -> dict[str, Any]:
    with one_thread():
        found = {case.task: _run_case(case, case.runs // 20 if quick else case.runs) for case in CASES}
        seeds = range(FIRST_SEED, FIRST_SEED + POLISHED.runs // (20 if quick else 1))
        polished = ARMS["best tenth, then polished"]
        return {**found, "polished": [evolve(POLISHED, seed, polished) for seed in seeds]}


def _run_case(case: Case, runs: int) -> dict[str, list[Run]]:
    for arm in ARMS.values():
        evolve(case._replace(budget=np.inf), FIRST_SEED - 1, arm, most=WARM_UP)
    train_mlp(case, FIRST_SEED - 1)
    found: dict[str, list[Run]] = {name: [] for name in (*ARMS, "MLP")}
    for seed in range(FIRST_SEED, FIRST_SEED + runs):
        for name, arm in ARMS.items():  # in turn, so that a busy machine is busy for all of them
            found[name].append(evolve(case, seed, arm))
        found["MLP"].append(train_mlp(case, seed))
    return found


def find_task(name: str, seed: int) -> Prediction:
    """Return a task of `compare`, whose data the seed divides."""
    task = TASKS[name].experiment(seed)
    assert isinstance(task, Prediction)
    return task


def prepare(task: Prediction, seed: int, arguments: dict[str, Any]) -> tuple[evaluators.Supervised, Config]:
    """Return the evaluator of a task's training samples, with further arguments, and the config."""
    inputs, targets, train, _ = task.sets()
    evaluator = evaluators.Supervised(
        inputs[train], targets[train], fitness=task.loss, steps=STEPS, device="cpu", **arguments
    )
    return evaluator, build_config(task, evaluator, Options(), {"seed": seed})


def evolve(case: Case, seed: int, arm: Arm, most: int = 2**31) -> Run:
    """Evolve until the budget is spent; a generation that begins within it is finished."""
    task = find_task(case.task, seed)
    sets = task.sets()
    evaluator, config = prepare(task, seed, arm.arguments)
    begin = time.process_time()
    population = Population(config)
    evaluate = arm.wrap(population, evaluator)
    while population.generation < most and time.process_time() - begin < case.budget:
        fitness = evaluate(population.ask())
        population.tell(fitness, evaluate.learned, evaluator.inherit)
    champion = population.best
    assert champion is not None
    if arm.polishes:
        champion = evaluator.polish(champion).genome
    spent = time.process_time() - begin
    score = task.score(predictions(champion, sets.inputs[sets.test]), sets.targets[sets.test])
    return Run(score, count_parameters(champion), population.generation, spent)


def train_mlp(case: Case, seed: int) -> Run:
    """Train the task's MLP by AdamW until the budget is spent, at a rate that falls to 0 along a cosine."""
    task, baseline = find_task(case.task, seed), TASKS[case.task].baselines["MLP"]
    inputs, targets, train, test = task.sets()
    model = baseline.model(inputs.shape[1], targets.shape[1]).initialise(seed)
    optimiser = optim.AdamW(model.parameters(), baseline.learning_rate, weight_decay=baseline.weight_decay)
    loss: Any = losses.mean_squared if task.loss == "squared_error" else losses.softmax_cross_entropy
    draw, epochs, begin = np.random.default_rng(seed), 0, time.process_time()
    while (spent := time.process_time() - begin) < case.budget:
        optimiser.learning_rate = baseline.learning_rate * (1 + np.cos(np.pi * spent / case.budget)) / 2
        for batch in np.array_split(draw.permutation(train), -(-len(train) // baseline.batch_size)):
            optimiser.zero_grad()
            loss(model(inputs[batch]), targets[batch]).backward()
            optimiser.step()
        epochs += 1
    outputs = model.eval()(inputs[test]).data
    parameters = sum(parameter.data.size for parameter in model.parameters())
    return Run(task.score(outputs, targets[test]), parameters, epochs, spent)


def tables(result: dict[str, Any]) -> list[Table]:
    return [*(_table(case, result[case.task]) for case in CASES), _table_of_polished(result["polished"])]


def _table_of_polished(found: list[Any]) -> Table:
    scores, parameters, _, spent = (np.array(column) for column in zip(*found, strict=True))
    enough = int((scores >= ENOUGH).sum())
    low, high = wilson(enough, len(scores))
    row = [
        f"{enough} of {len(scores)} ({low:.2f} – {high:.2f})",
        f"{np.median(scores):.5f}",
        f"{scores.min():.4f}",
        f"{np.median(parameters):.0f}",
        seconds(float(np.percentile(spent, 95))),
    ]
    return Table(
        f"{POLISHED.task}: the best tenth learns for {seconds(POLISHED.budget)}, then the champion is polished",
        [f"R² of at least {ENOUGH} (95 %)", "median", "least", "parameters", "95 % of runs take at most"],
        [row],
        ["Median of parameters. Seeds from 5,000; R² on the test samples."],
    )


def _table(case: Case, arms: dict[str, list[Any]]) -> Table:
    rows = []
    for arm, found in arms.items():
        scores, parameters, generations, _ = (np.array(column) for column in zip(*found, strict=True))
        low, high = bootstrap(scores.tolist())
        solved = int((scores == 1).sum())
        least, most = wilson(solved, len(scores))
        rows.append(
            [
                arm,
                f"{scores.mean():.3f} ({low:.3f} – {high:.3f})",
                f"{np.median(scores):.4f}",
                f"{solved} of {len(scores)} ({least:.2f} – {most:.2f})",
                f"{np.median(parameters):.0f}",
                f"{np.median(generations):.0f}",
            ]
        )
    name = score_name(case.task)
    return Table(
        f"Learning within evolution: {case.task}, {name}, {seconds(case.budget)} of one core",
        ["who learns", "mean (95 %)", "median", "score 1 (95 %)", "parameters", "generations"],
        rows,
        [
            "Medians of parameters and generations (MLP: epochs). Seeds from 5,000. The time is without polishing."
        ],
    )
