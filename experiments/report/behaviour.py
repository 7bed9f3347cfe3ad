"""Collect what the champion of a run does: predictions of a data set, or an episode."""

from __future__ import annotations

import base64
import contextlib
import tempfile
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluators import Gymnasium, Rollout
from evaluators.environments import Environment
from evaluators.gradient.metrics import confusion_matrix
from evaluators.models.outputs import Values
from evaluators.node_values import node_values
from evaluators.pictures.film import choose_steps
from experiments.pictures.episode_curves import (
    MAX_ACTIONS,
    MAX_STATES,
    Episode,
    name_gymnasium_trace,
    name_trace,
)
from experiments.report.numbers import choose_rows, shorten_numbers
from experiments.report.topology import Names
from experiments.runs.reader import RunSoFar
from experiments.tasks.classification import Classification
from experiments.tasks.control import REPORT_TRIAL
from experiments.tasks.experiment import BEHAVIOUR, Experiment
from experiments.tasks.prediction import Prediction, Sets, predictions
from experiments.tasks.regression import Regression
from neat.genome.genome import Genome
from neat.support.html import table_of_rows

_MOST_CASES, _MOST_SAMPLES = 64, 1000
_MOST_STEPS = 250
_MOST_NODES = 60
_FILM = BEHAVIOUR[1]
_FILM_WIDTH = 400


class Behaviour(NamedTuple):
    """What a champion does."""

    html: str = ""
    """Tables and a film."""
    data: dict[str, Any] | None = None
    """The data of charts; None if there are none."""


def collect_behaviour(
    run: RunSoFar, experiment: Experiment, names: Names, evaluator: Any, folder: Path
) -> Behaviour | None:
    """Return what the champion of a run does; None if the task has nothing to show."""
    if isinstance(evaluator, Rollout | Gymnasium):
        if run.population.evaluator_state:
            evaluator.restore(run.population.evaluator_state)
        film = folder / _FILM if run.result is not None else None
        return _play(run.champion, names, evaluator, film)
    if not isinstance(experiment, Prediction):
        return None
    sets = experiment.sets()
    outputs = predictions(run.champion, sets.inputs)
    if isinstance(experiment, Classification):
        return Behaviour(_count_classes(sets, outputs, experiment.output_names))
    if isinstance(experiment, Regression):
        values = evaluator.model(run.champion).outputs
        assert isinstance(values, Values)
        return _list_residuals(sets, values.predict(outputs), values.predict(sets.targets))
    return Behaviour(_list_cases(sets, outputs, experiment))


def _count_classes(sets: Sets, outputs: np.ndarray, names: list[str]) -> str:
    """Return a confusion matrix for each part of a data set."""
    truth, predicted = sets.targets.argmax(axis=1), outputs.argmax(axis=1)
    tables = []
    for part, rows in (("Test part", sets.test), ("Training part", sets.train)):
        counts = confusion_matrix(truth[rows], predicted[rows], len(names))
        right = int(counts.trace())
        caption = f"{part}: {right:,} of {len(rows):,} right ({right / len(rows):.1%})"
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        body = "".join(
            f"<tr><th>{escape(name)}</th>"
            + "".join(
                f'<td style="--share:{count / max(1, row.sum()):.3f}">{count or ""}</td>' for count in row
            )
            + "</tr>"
            for name, row in zip(names, counts, strict=True)
        )
        tables.append(
            f'<div class="scroll"><table class="confusion"><caption>{escape(caption)}</caption>'
            f"<tr><th>true \\ predicted</th>{head}</tr>{body}</table></div>"
        )
    return f'<div class="columns">{"".join(tables)}</div>'


def _list_residuals(sets: Sets, outputs: np.ndarray, targets: np.ndarray) -> Behaviour:
    """Return predictions and targets, (samples, 1) or (samples,), as the data of a chart."""
    points, shown = [], 0
    for part, rows in (("training part", sets.train), ("test part", sets.test)):
        chosen = rows[choose_rows(len(rows), _MOST_SAMPLES)]
        shown += len(chosen)
        points.append(
            [part, shorten_numbers(targets.ravel()[chosen]), shorten_numbers(outputs.ravel()[chosen])]
        )
    left_out = "" if shown == len(targets) else f"<p>{shown:,} of {len(targets):,} samples.</p>"
    return Behaviour(left_out, {"residuals": points})


def _list_cases(sets: Sets, outputs: np.ndarray, experiment: Experiment) -> str:
    """Return a table of the first samples with their targets and outputs."""
    inputs = experiment.input_names or [f"x{k}" for k in range(sets.inputs.shape[1])]
    names = experiment.output_names or [f"y{k}" for k in range(outputs.shape[1])]
    head = [*inputs, *(f"{kind} {name}" for kind in ("target", "output") for name in names)]
    rows = np.concatenate([sets.inputs, sets.targets, outputs], axis=1)[:_MOST_CASES]
    caption = "" if len(outputs) <= _MOST_CASES else f"The first {_MOST_CASES} of {len(outputs):,} cases"
    cells = [[f"{value:.4g}".replace("-", "−") for value in row] for row in rows]
    return f'<div class="scroll">{table_of_rows(caption, head, cells)}</div>'


def _play(champion: Genome, names: Names, evaluator: Rollout | Gymnasium, film: Path | None) -> Behaviour:
    """Return an episode that decided nothing in the run."""
    episode, observations = _trace(champion, evaluator)
    span = episode.span
    steps = choose_steps(span.start, span.stop - 1, _MOST_STEPS)
    values = _node_values(champion, evaluator, observations)[:, steps]
    name_of = names.of_nodes(champion)
    nodes = [name_of[node] for node in [*champion.input_ids, *(n["id"] for n in champion.nodes)]]
    order = [*range(len(champion.input_ids)), *_by_layer(champion)]
    unit = span.seconds or 1.0
    lines = [
        *episode.states[:MAX_STATES],
        *episode.actions[:MAX_ACTIONS],
        ("sum of rewards", np.cumsum(episode.reward)),
    ]
    data = {
        "x": shorten_numbers(unit * steps),
        "unit": "step" if span.seconds is None else "time (s)",
        "charts": [{"title": name, "series": [[name, shorten_numbers(v[steps])]]} for name, v in lines],
        "nodes": [[nodes[k], shorten_numbers(values[k])] for k in order[:_MOST_NODES]],
    }
    ending = "the task" if span.terminated else "the time limit"
    text = f"An episode that decided nothing in the run: {span}, ended by {ending}."
    if len(order) > _MOST_NODES:
        text += f" The activations of the first {_MOST_NODES} of {len(order)} nodes."
    return Behaviour(f"<p>{escape(text)}</p>{_film(champion, evaluator, film)}", {"episode": data})


def _by_layer(champion: Genome) -> list[int]:
    """Return the positions of hidden nodes, then those of outputs, in inputs and nodes."""
    outputs, first = set(champion.output_ids), len(champion.input_ids)
    ids = [node["id"] for node in champion.nodes]
    return [first + k for k in sorted(range(len(ids)), key=lambda k: (ids[k] in outputs, ids[k]))]


def _trace(champion: Genome, evaluator: Rollout | Gymnasium) -> tuple[Episode, np.ndarray]:
    """Return an episode, and its observations until the last step that is shown, (steps, observations)."""
    if isinstance(evaluator, Gymnasium):
        seen = evaluator.trace(champion, REPORT_TRIAL)
        episode = name_gymnasium_trace(evaluator, seen)
        return episode, seen.observation[: episode.span.stop]
    environment, trace = evaluator.environment, evaluator.trace(champion, REPORT_TRIAL)
    episode = name_trace(environment, trace)
    return episode, _observe(environment, trace.state[: episode.span.stop])


def _observe(environment: Environment, states: np.ndarray) -> np.ndarray:
    """Return what the environment shows of each state, (steps, observations)."""
    seen: np.ndarray = np.empty((len(states), environment.num_observations), environment.precision)
    observe = environment.functions().observe
    for state, observation in zip(states.astype(environment.precision), seen, strict=True):
        observe(state, environment.constants, observation)
    return seen


def _node_values(champion: Genome, evaluator: Rollout | Gymnasium, observations: np.ndarray) -> np.ndarray:
    """Return the values of inputs and nodes over time, (inputs + nodes, steps)."""
    model = evaluator.model(champion)
    inputs = model.inputs.read("observation", observations, model.num_inputs)
    bias = np.ones((len(inputs), int(champion.bias_input)))
    return np.concatenate([inputs, bias, node_values(champion, inputs)], axis=1).T


def _film(champion: Genome, evaluator: Rollout | Gymnasium, film: Path | None) -> str:
    """Return the film of the run that has ended, or a new one; nothing if the environment cannot be drawn."""
    with contextlib.suppress(Exception), tempfile.TemporaryDirectory() as folder:
        if film is None or not film.exists():
            film = Path(folder) / _FILM
            evaluator.record(champion, film, REPORT_TRIAL, _FILM_WIDTH)
        content = base64.b64encode(film.read_bytes()).decode()
        return f'<img class="film" alt="a film of the episode" src="data:image/gif;base64,{content}">'
    return ""
