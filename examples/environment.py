"""Land on the moon: an environment of one's own, evolved, watched as a table, and saved as a model."""

from dataclasses import dataclass

import numpy as np

import evaluators
import neat
from evaluators.environments import Box, Discrete, Environment, uniform_between


@dataclass(frozen=True, kw_only=True)
class Lander(Environment):
    """Touch the ground slowly, with little fuel. The engine is on or off."""

    gravity: float = 0.05
    """Speed gained in a step."""
    thrust: float = 0.12
    """Speed lost in a step with the engine on."""
    time_limit: int = 200

    state_names = ("height", "speed downwards")
    observations = Box(low=(0.0, -3.0), high=(30.0, 3.0))
    actions = Discrete(2)

    @staticmethod
    def reset(state, constants, random):
        """Start at a random height and speed."""
        state[0] = uniform_between(random, 0, np.float32(15), np.float32(30))
        state[1] = uniform_between(random, 1, np.float32(-1), np.float32(1))

    @staticmethod
    def observe(state, constants, observation):
        """See the height and the speed."""
        observation[0], observation[1] = state[0], state[1]

    @staticmethod
    def step(state, action, constants, random):
        """Fall for one step; fuel costs 0.01, and a landing costs the square of its speed."""
        gravity, thrust = constants
        speed = state[1] + gravity - thrust * np.float32(action)
        height = state[0] - speed
        state[0], state[1] = max(height, np.float32(0)), speed
        landed = height <= 0
        fuel = np.float32(0.01) * np.float32(action)
        return (-speed * speed if landed else np.float32(0)) - fuel, landed


def main(generations: int = 30) -> None:
    """Evolve a pilot."""
    evaluator = evaluators.Rollout(Lander(), episodes=8, device="cpu")
    config = neat.Config.for_task(evaluator, population_size=200, seed=0)
    result = neat.Population(config).run(evaluator, generations)

    played = evaluator.play(result.champion, episodes=100)
    print(f"reward over fresh starts: {played.reward.mean():.3f}")
    trace = evaluator.trace(result.champion)
    for step in range(0, len(trace.action), 10):
        height, speed = trace.state[step]
        print(
            f"step {step:3d}  height {height:6.2f}  speed {speed:6.2f}  engine {int(trace.action[step, 0])}"
        )
    evaluator.model(result.champion).save("pilot.json")


if __name__ == "__main__":
    main()
