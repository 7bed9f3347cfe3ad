"""Use NEAT as the last step of a scikit-learn pipeline, and choose a setting by cross-validation.

Needs `pip install 'batchneat[sklearn]'`.
"""

from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evaluators.estimators import NEATClassifier


def main(generations: int = 40) -> None:
    """Search, then score the best on held-out samples."""
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    pipeline = make_pipeline(StandardScaler(), PCA(), NEATClassifier(generations=generations, random_state=0))
    search = GridSearchCV(pipeline, {"pca__n_components": [2, 5]}, cv=3)
    search.fit(X_train, y_train)
    print(f"best: {search.best_params_}, accuracy on held-out samples {search.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main()
