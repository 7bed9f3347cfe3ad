"""The base class of all environments, shipped and user-defined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evaluators.environments.environment_base import EnvironmentBase

if TYPE_CHECKING:
    import gymnasium


@dataclass(frozen=True, kw_only=True)
class Environment(EnvironmentBase):
    """Base of the environments: frozen dataclasses whose fields, except `time_limit`, are their constants.

    A subclass defines `state_names`, `observations` and `actions`, and three static methods:

    - `reset(state, constants, random)` writes the first state of an episode.
    - `observe(state, constants, observation)` writes the unscaled observation.
    - `step(state, action, constants, random)` writes the next state and returns (reward, terminated).

    `state` is an array with an element for each of `state_names`. `constants` is a tuple of the fields in order.
    `observation` is an array. All three have the dtype `precision`. `action` is an int64 if `actions` is Discrete, else
    a float32 array within the bounds. Random numbers are `uniform(random, 0)`, `uniform(random, 1)`, …; they depend
    only on the seed, the generation, the episode and the step.

    To be watched, it also defines `draw(self, state, action)`, a method in plain Python that returns a list of
    `evaluators.environments.shapes`. Its action is the last one, an integer or (dimensions,), or None at the start.

    Decorate functions that the methods call with `neat.kernels.jit.inner_function`. A literal such as 0.5 is a float64
    and makes float32 arithmetic float64, which is slower: write `np.float32(0.5)` at the top of the module instead.

    Args:
        time_limit: Steps after which an episode is cut off; this is not a termination.

    Attributes:
        state_names: Names of the state's elements, with units.
        action_names: Names of the action's dimensions, with units; a Discrete action has one. Figures show them.
        shown_states: Number of leading elements of the state that figures show; None: all.
        precision: np.float32, or np.float64 if the physics needs it.
        bounded: Whether observations never leave their bounds; if False, the bounds only define the scaling.
    """

    def to_gymnasium(self, render_mode: Literal["rgb_array"] | None = None) -> gymnasium.Env:
        """Return a `gymnasium.Env` that runs the same functions.

        Its `reset` takes a seed, and a state as `options={"state": …}`.

        Args:
            render_mode: "rgb_array": `render` returns a picture of the state, uint8 (height, width, 3); the environment
                needs a `draw`.

        Raises:
            ImportError: gymnasium is not installed; it comes with `batchneat[gym]`.
            ValueError: The render mode is another, or the environment has no `draw`.
        """
        try:
            from evaluators.environments.as_gymnasium import AsGymnasium
        except ImportError:
            raise ImportError("to_gymnasium needs gymnasium: pip install 'batchneat[gym]'") from None
        return AsGymnasium(self, render_mode)
