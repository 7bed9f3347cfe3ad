"""The class that every environment derives from, the shipped ones and a user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluators.environments.base import EnvironmentBase

if TYPE_CHECKING:
    import gymnasium


@dataclass(frozen=True, kw_only=True)
class Environment(EnvironmentBase):
    """Base of the environments: frozen dataclasses whose fields, all but `time_limit`, are their constants.

    A subclass says what its states, observations and actions are, and has three functions, written as static
    methods:

    - `reset(state, constants, random)` writes the first state of an episode.
    - `observe(state, constants, observation)` writes what the network is to see, unscaled.
    - `step(state, action, constants, random)` writes the next state and returns (reward, terminated).

    `state` is an array of `precision` with an element for each of `state_names`; `constants` is a tuple with the fields
    in order, of `precision` too; `observation` is an array of `precision`; `action` is an int64 if `actions` is
    Discrete, else a float32 array within the bounds. Random numbers are `uniform(random, 0)`,
    `uniform(random, 1)`, … They depend on the seed, the generation, the episode and the step alone.
    Functions that they call are decorated with `neat.kernels.jit.inner_function`. A literal such as 0.5 is a float64
    and makes float32 arithmetic float64, which is slower: write `np.float32(0.5)`, at the top of the module.

    Args:
        time_limit: Steps after which an episode is cut off; this is not a termination.

    Attributes:
        state_names: What the state's elements are, with units.
        precision: np.float32, or np.float64 where the physics need it.
        bounded: Whether observations stay within their bounds, which otherwise are just what they are scaled by.
    """

    def to_gymnasium(self) -> gymnasium.Env:
        """Return a `gymnasium.Env` that is stepped by the same functions.

        Its `reset` takes a seed, and a state as `options={"state": …}`.

        Raises:
            ImportError: gymnasium is not installed; it comes with `batchneat[gym]`.
        """
        try:
            from evaluators.environments.as_gymnasium import AsGymnasium
        except ImportError:
            raise ImportError("to_gymnasium needs gymnasium: pip install 'batchneat[gym]'") from None
        return AsGymnasium(self)
