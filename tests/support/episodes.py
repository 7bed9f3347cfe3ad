"""Episodes of random actions in environments."""

import numpy as np

from evaluators import environments
from evaluators.environments import Discrete, Environment
from evaluators.episodes.episodic_evaluator import Trace

SHIPPED = sorted(
    {
        cls
        for cls in map(vars(environments).get, environments.__all__)
        if isinstance(cls, type) and issubclass(cls, Environment) and cls is not Environment
    },
    key=lambda cls: cls.__name__,
)


def random_episode(environment, steps=30, terminated=False, seed=0):
    """Return an episode of random actions, computed by the environment's functions in Gymnasium's form."""
    generator = np.random.default_rng(seed)
    actions = environment.actions
    discrete = isinstance(actions, Discrete)
    env = environment.to_gymnasium()
    env.reset(seed=seed)
    states, taken, rewards = [env.state], [], []
    for _ in range(steps):
        action = (
            generator.integers(actions.count) if discrete else generator.uniform(*actions).astype(np.float32)
        )
        reward = env.step(action)[1]
        states.append(env.state)
        taken.append(np.ravel(action).astype(float))
        rewards.append(reward)
    return Trace(np.array(states, float), np.array(taken), np.array(rewards), terminated)
