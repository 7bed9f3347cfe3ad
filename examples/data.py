"""Classify the handwritten digits of scikit-learn: evolve, test, save the model, and draw what it confuses.

Needs `pip install 'batchneat[sklearn]'`.
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import evaluators
import neat


def main(generations: int = 30) -> None:
    """Evolve a classifier."""
    pixels, digits = load_digits(return_X_y=True)
    train, test, train_digits, test_digits = train_test_split(pixels, digits, test_size=0.3, random_state=0)

    evaluator = evaluators.Supervised(
        train, train_digits, fitness="cross_entropy", standardise=True, learn_steps=20, learn_batch=500
    )
    config = neat.Config.for_task(evaluator, seed=0, genome={"output_activation": "identity"})
    progress = neat.reporting.Progress(species=False)
    result = neat.Population(config).run(evaluator, generations, reporters=[progress])

    model = evaluator.model(result.champion)
    model.save("digits.json")
    predicted = evaluators.load("digits.json").predict(test)
    print(f"accuracy on samples that evolution has not seen: {(predicted == test_digits).mean():.3f}")
    neat.plot.confusion(test_digits, predicted, "confusion.svg")


if __name__ == "__main__":
    main()
