"""Estimators for scikit-learn: classification and regression by evolved networks that learn."""

try:
    import sklearn  # noqa: F401
except ImportError:
    raise ImportError("estimators need scikit-learn: pip install 'batchneat[sklearn]'") from None

from evaluators.estimators.classifier import NEATClassifier
from evaluators.estimators.regressor import NEATRegressor

__all__ = ["NEATClassifier", "NEATRegressor"]
