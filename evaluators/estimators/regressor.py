"""The regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from evaluators.estimators.base import NEATEstimator, check_weights


class NEATRegressor(RegressorMixin, NEATEstimator):
    """Predict numbers by a network that evolves and learns (Stanley and Miikkulainen 2002, with gradient steps).

    Inputs and targets are standardised; the loss is the squared error. Targets may have several columns.

    Args:
        population_size: As for `NEATClassifier`, as are all others.
        generations: The most generations of a fit.
        learn_steps: Gradient steps of the best tenth of each generation.
        learning_rate: The rate of Adam.
        learn_batch: The number of samples on which a generation learns.
        polish: Whether the weights of the champion are fitted to the end on all samples.
        validation_fraction: The share of the samples that is held out to choose the champion.
        patience: Generations without a better champion of the held-out samples that end a fit.
        max_work: Work that ends a fit.
        max_seconds: Seconds that end a fit.
        config: Settings of `neat.Config`.
        warm_start: Whether a fit goes on with the population of the fit before.
        random_state: Seed of the evolution and of the held-out samples.
        n_jobs: The number of threads.
        device: Where networks are evaluated.
        verbose: 1: show the progress, in place on a terminal and in a notebook, else as lines; 0: show nothing.

    Attributes:
        model_: The `evaluators.Model`, which can be saved to a JSON file.
        history_: The history of the run, with a row for each generation in `history_.generations`.
        validation_scores_: The fitness of each generation's champion on the held-out samples; None if there are none.
        config_: The settings of the run, a `neat.Config`.
        n_iter_: The number of generations.
        n_features_in_: The number of inputs.
        feature_names_in_: The names of the inputs, if `fit` got a frame whose columns have names.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NEATRegressor:
        """Evolve a network for samples and their targets.

        Args:
            X: Shape (samples, inputs), an array or a frame.
            y: The targets, shape (samples,) or (samples, outputs).
            sample_weight: How much each sample counts, shape (samples,).

        Raises:
            ValueError: A parameter or an array is wrong.
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, multi_output=True)
        self._y_is_flat = y.ndim == 1
        self._fit(X, y, check_weights(sample_weight, X), {"fitness": "squared_error"})
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predictions, float64 of shape (samples,) or (samples, outputs), as the targets of `fit` had."""
        X = self._validate(X)
        predicted = self.model_.predict(X)
        return predicted if self._y_is_flat else predicted.reshape(len(predicted), -1)
