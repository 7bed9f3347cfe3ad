"""Evolve a controller for a cart with a pole, and write it as C and as a NumPy function with the same outputs."""

import numpy as np

import evaluators
import neat
from evaluators import export
from evaluators.environments import CartPole


def main(generations: int = 10) -> None:
    """Evolve and export."""
    evaluator = evaluators.Rollout(CartPole(), episodes=5, device="cpu")
    config = neat.Config.for_task(evaluator, seed=0)
    champion = export.simplify(neat.Population(config).run(evaluator, generations).champion)

    model = evaluator.model(champion)  # it knows how observations are scaled
    export.export(model, "controller.c")
    export.export(model, "controller.py")

    namespace: dict = {}
    with open("controller.py", encoding="utf-8") as file:
        exec(file.read(), namespace)
    observation = np.array([0.1, -0.2, 0.05, 0.3])
    chosen = int(np.argmax(namespace["activate"](observation)))
    print(f"the exported controller chooses {chosen}, the model {model.act(observation)}")


if __name__ == "__main__":
    main()
