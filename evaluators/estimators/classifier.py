"""The classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from evaluators.estimators.base import NEATEstimator, check_weights
from neat.support.messages import quote


class NEATClassifier(ClassifierMixin, NEATEstimator):
    """Classify by a network that evolves and learns (Stanley and Miikkulainen 2002, with gradient steps).

    The best tenth of each generation learns by Adam, and offspring inherit the learned weights. The champion of a
    generation that scores best on held-out samples is polished, and is the result. Inputs are standardised.

    Args:
        population_size: The number of genomes in a generation.
        generations: The most generations of a fit.
        learn_steps: Gradient steps of the best tenth of each generation; 0: none learns.
        learning_rate: The rate of Adam.
        learn_batch: The number of samples on which a generation learns, drawn anew for each; None: all.
        polish: If genomes learn, whether the weights of the champion are fitted to the end on all samples, those held
            out included, with a penalty for large weights that five-fold cross-validation chooses. If the champion of
            the first generation, usually a linear model, is not significantly worse in this cross-validation, it is
            taken instead.
        validation_fraction: The share of the samples that is held out to choose the champion; None: none. If it is
            fewer than five samples, none is held out, and fitness in training chooses.
        patience: The fit ends after this many generations without a better champion of the held-out samples.
        max_work: The fit ends after the generation in which this work is done, in operations that are estimated from
            the samples and the networks, so that the end repeats. The default takes 1 to 2 s on one core of a server.
            Raise it for large data sets, for which it allows few generations. None: no limit.
        max_seconds: The fit ends after the generation in which this time passes. The same `random_state` then need not
            give the same network, since the generations depend on the machine's speed. None: no limit.
        class_weight: None, "balanced", or a dictionary of weights by class, which multiply `sample_weight`.
        config: Settings of `neat.Config` that replace those that the estimator chooses, as nested dictionaries.
        warm_start: Whether a fit goes on with the population of the fit before, for at most `generations` more.
        random_state: Seed of the evolution and of the held-out samples: an integer, a RandomState, or None.
        n_jobs: The number of threads, as joblib understands it: None is 1, or what an outer `parallel_config` says. The
            network does not depend on it.
        device: Where networks are evaluated (see `evaluators.devices.resolve_device`).
        verbose: 1: show the progress, in place on a terminal and in a notebook, else as lines; 0: show nothing.

    Attributes:
        classes_: The labels of the classes, shape (classes,).
        model_: The `evaluators.Model`, which can be saved to a JSON file.
        history_: The history of the run, with a row for each generation in `history_.generations`.
        validation_scores_: The fitness of each generation's champion on the held-out samples; None if there are none.
        config_: The settings of the run, a `neat.Config`.
        n_iter_: The number of generations.
        n_features_in_: The number of inputs.
        feature_names_in_: The names of the inputs, if `fit` got a frame whose columns have names.
    """

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
        class_weight: Any = None,
        config: dict[str, Any] | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
        device: str = "cpu",
        verbose: int = 0,
    ) -> None:
        super().__init__(
            population_size=population_size,
            generations=generations,
            learn_steps=learn_steps,
            learning_rate=learning_rate,
            learn_batch=learn_batch,
            polish=polish,
            validation_fraction=validation_fraction,
            patience=patience,
            max_work=max_work,
            max_seconds=max_seconds,
            config=config,
            warm_start=warm_start,
            random_state=random_state,
            n_jobs=n_jobs,
            device=device,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NEATClassifier:
        """Evolve a network for samples and their classes.

        Args:
            X: Shape (samples, inputs), an array or a frame.
            y: The labels, shape (samples,).
            sample_weight: How much each sample counts, shape (samples,).

        Raises:
            ValueError: A parameter or an array is wrong, or there are fewer than two classes.
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, dtype=np.float64)
        y = column_or_1d(y, warn=True)
        try:
            check_classification_targets(y)
            self.classes_ = np.unique(y)
        except TypeError:
            raise ValueError(f"y: expected labels of one type, got {quote(y.tolist())}") from None
        weights = check_weights(sample_weight, X)
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            if not (by_class >= 0).all():
                raise ValueError(f"class_weight: expected no negative numbers, got {by_class.min():g}")
            weights = by_class * (1.0 if weights is None else weights)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y: expected at least two classes, got one class, {self.classes_.tolist()[0]!r}"
            )
        labels = self.classes_.tolist()
        self._fit(X, y, weights, {"fitness": "cross_entropy", "classes": labels})
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each sample, shape (samples,)."""
        probability = self.predict_proba(X)
        return self.classes_[probability.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, float64 (samples, classes), in the order of `classes_`."""
        X = self._validate(X)
        return self.model_.predict_proba(X)

    def _strata(self, y: np.ndarray) -> list[np.ndarray]:
        return [np.flatnonzero(y == label) for label in self.classes_]
