"""What the estimators share: their parameters, and the fit."""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from evaluators.checks import check_count, check_seconds, is_number
from evaluators.estimators.evolution import Evolved, Limits, evolve
from evaluators.estimators.polishing import Data, polish
from evaluators.supervised import Supervised, make_adam
from neat.config.config import Config, merge
from neat.config.data_settings import check_outputs, settings_for_data
from neat.kernels.parallel import Workers
from neat.population import Population
from neat.support.messages import quote
from neat.support.progress_display import ProgressDisplay

_log = logging.getLogger("evaluators")

_LEARN_BEST = 0.1
_LEAST_VALIDATION = 5  # samples; fewer would choose the champion by chance


class NEATEstimator(BaseEstimator):
    """Base of the estimators. Its subclasses say what the targets are."""

    def __init__(
        self,
        *,
        population_size: int = 150,
        generations: int = 300,
        learn_steps: int = 30,
        learning_rate: float = 0.03,
        learn_batch: int | None = 500,
        polish: bool = True,
        validation_fraction: float | None = 0.15,
        patience: int = 100,
        max_work: float | None = 6e9,
        max_seconds: float | None = None,
        config: dict[str, Any] | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
        device: str = "cpu",
        verbose: int = 0,
    ) -> None:
        self.population_size = population_size
        self.generations = generations
        self.learn_steps = learn_steps
        self.learning_rate = learning_rate
        self.learn_batch = learn_batch
        self.polish = polish
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.max_work = max_work
        self.max_seconds = max_seconds
        self.config = config
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    def _check_parameters(self) -> None:
        """Raise a ValueError for the first parameter with a wrong value."""
        check_count("population_size", self.population_size, 2)
        check_count("generations", self.generations)
        check_count("patience", self.patience)
        check_count("learn_steps", self.learn_steps, 0)
        check_count("verbose", int(self.verbose) if isinstance(self.verbose, bool) else self.verbose, 0)
        for name in ("polish", "warm_start"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ValueError(f"{name}: must be true or false, got {quote(getattr(self, name))}")
        threads = self.n_jobs
        if threads is not None and not (isinstance(threads, int | np.integer) and threads):
            raise ValueError(f"n_jobs: expected None or an integer other than 0, got {quote(threads)}")
        if self.learn_batch is not None:
            check_count("learn_batch", self.learn_batch)
        _check_number("learning_rate", self.learning_rate, np.inf)
        if self.validation_fraction is not None:
            _check_number("validation_fraction", self.validation_fraction, 1.0)
        if self.max_work is not None:
            _check_number("max_work", self.max_work, np.inf)
        if self.max_seconds is not None:
            check_seconds("max_seconds", self.max_seconds)
        if self.config is not None and not isinstance(self.config, dict):
            raise ValueError(f"config: expected a dictionary of settings, got {quote(self.config)}")

    def _fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any, description: dict[str, Any]) -> None:
        """Evolve networks, and set the attributes of a fitted estimator.

        Args:
            X: float64 (samples, inputs).
            y: The targets, as `Supervised` takes them.
            sample_weight: float64 (samples,), or None.
            description: Further arguments of `Supervised`.
        """
        random = check_random_state(self.random_state)
        held, train = self._split(y, random)
        if sample_weight is not None and not (sample_weight[held].any() and sample_weight[train].any()):
            held, train = held[:0], np.arange(len(y))
        workers = Workers(effective_n_jobs(self.n_jobs))
        names = getattr(self, "feature_names_in_", None)
        optimise = functools.partial(make_adam, learning_rate=float(self.learning_rate))
        training = Supervised(
            X[train],
            y[train],
            device=self.device,
            learn_steps=self.learn_steps,
            learn_best=_LEARN_BEST,
            learn_batch=self.learn_batch,
            optimiser=optimise,
            workers=workers,
            standardise=True,
            input_names=None if names is None else names.tolist(),
            sample_weight=None if sample_weight is None else sample_weight[train],
            **description,
        )
        data = Data(X, y, sample_weight)
        validation = training.with_samples(*data.take(held)) if len(held) else None
        evolved = self._start(training, random, workers)
        passes = self._count_passes(len(train))
        limits = Limits(self.generations, self.patience, self.max_seconds, self.max_work, passes)
        display = None
        if self.verbose:
            display = ProgressDisplay("generation", limits.generations, max_seconds=limits.seconds)
        with contextlib.nullcontext() if display is None else contextlib.closing(display):
            evolve(evolved, training, validation, limits, display)
        assert evolved.champion is not None and evolved.first is not None
        champion = evolved.champion
        if self.polish and self.learn_steps:
            champion = polish([evolved.first, champion], training, data, random)
        self.model_ = training.model(champion)
        self.history_ = evolved.population.history
        self.validation_scores_ = np.array(evolved.scores) if validation is not None else None
        self.n_iter_ = evolved.population.generation
        self._evolved = evolved if self.warm_start else None

    def _count_passes(self, samples: int) -> int:
        """Return the samples that all networks of a generation see; a gradient step counts as three passes."""
        networks = self.config_.population_size
        learning = max(1, round(_LEARN_BEST * networks)) * self.learn_steps
        return networks * samples + 3 * learning * min(self.learn_batch or samples, samples)

    def _split(self, y: np.ndarray, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of the validation samples and of the training samples, int64, ascending."""
        share = self.validation_fraction or 0.0
        held = np.zeros(len(y), bool)
        if share * len(y) >= _LEAST_VALIDATION:
            for members in self._strata(y):
                count = min(round(share * len(members)), len(members) - 1)
                held[random.permutation(members)[:count]] = True
        elif share:
            _log.info("too few samples to hold out a share of %g: all are used in training", share)
        return np.flatnonzero(held), np.flatnonzero(~held)

    def _strata(self, y: np.ndarray) -> list[np.ndarray]:
        """Return the indices of samples of which the same share is held out."""
        return [np.arange(len(y))]

    def _start(self, training: Supervised, random: np.random.RandomState, workers: Workers) -> Evolved:
        """Return a new evolution, or the one of the last fit if `warm_start` is set."""
        settings: dict[str, Any] = {
            "genome": {"num_inputs": training.num_inputs, "num_outputs": training.num_outputs},
            "population_size": self.population_size,
            "seed": int(random.randint(2**31 - 1)),
        }
        settings = merge(settings, settings_for_data(training.num_inputs))
        config = Config(**merge(settings, self.config or {}))
        for name in ("num_inputs", "num_outputs"):
            expected, got = getattr(training, name), getattr(config.genome, name)
            if got != expected:
                raise ValueError(f"config: genome.{name}: must be {expected}, as the data need, got {got}")
        check_outputs(training, config.genome)
        self.config_ = config
        _log.info("settings of the run: %s", config.model_dump(exclude_unset=True))
        earlier: Evolved | None = getattr(self, "_evolved", None)
        if not self.warm_start or earlier is None:
            return Evolved(Population(config, workers))
        own = earlier.population.config
        for name in ("num_inputs", "num_outputs"):
            expected, got = getattr(own.genome, name), getattr(config.genome, name)
            if expected != got:
                raise ValueError(
                    f"warm_start: the earlier fit has {expected} {name.removeprefix('num_')} of networks, "
                    f"this one {got}"
                )
        for name in type(own).model_fields:
            if name != "seed" and getattr(own, name) != getattr(config, name):
                raise ValueError(
                    f"warm_start: {name}: must equal the earlier fit's, because warm_start continues it"
                )
        self.config_ = own
        earlier.population.workers = workers
        return earlier

    def _validate(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=np.float64)


def check_weights(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    """Return checked weights, float64 (samples,); None if there are none."""
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


def _check_number(name: str, value: Any, below: float) -> None:
    if not is_number(value) or not 0 < value < below:
        limit = "" if np.isinf(below) else f" and below {below:g}"
        raise ValueError(f"{name}: expected a number above 0{limit}, got {quote(value)}")
