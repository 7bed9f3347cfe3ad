"""What an environment is: a few scalar functions over a state, and what they need to be told.

The functions are plain Python that numba can compile. They are compiled into the loop over episodes, on the CPU into
one that steps several episodes side by side, on a GPU into one episode a thread. They see one episode, and keep to
scalars and to the arrays that they are given.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from evaluators.environments.functions import FUNCTIONS, Functions, known_functions
from neat.kernels import rng
from neat.kernels.freezing import freeze
from neat.kernels.jit import inner_function
from neat.support.messages import shown

if TYPE_CHECKING:
    import gymnasium

# Streams of random numbers beside each other, for training and for trials; above them, episodes are counted.
EPISODES = np.uint64(2**8)

_MOST_STEPS = 2**26
_BLOCKS = np.uint64(16)  # of four random numbers, for each call of an environment's function
_FOUR = np.uint64(4)


class Box(NamedTuple):
    """Real vectors between bounds, one pair for each dimension; a bound may be infinite."""

    low: tuple[float, ...]
    high: tuple[float, ...]


class Discrete(NamedTuple):
    """The integers 0 … count - 1."""

    count: int  # type: ignore[assignment]  # tuples have a method of that name


@inner_function
def uniform(random, number):
    """Random number `number` (0 … 63) of this call of `reset` or `step`: a float32 in [0, 1)."""
    seed, generation, individual, stream, time = random
    draw = time * _BLOCKS + np.uint64(number) // _FOUR
    w0, w1, w2, w3 = rng.inline_block(seed, generation, individual, stream, draw)
    word = np.uint64(number) % _FOUR
    word = w0 if word == 0 else w1 if word == 1 else w2 if word == 2 else w3
    return rng.to_uniform(word)


@inner_function
def uniform_between(random, number, low, high):
    """The same, in [low, high)."""
    return low + (high - low) * uniform(random, number)


@dataclass(frozen=True, kw_only=True)
class Environment(ABC):
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

    time_limit: int = 1000

    state_names: ClassVar[tuple[str, ...]]
    precision: ClassVar[type] = np.float32
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for constant in dataclasses.fields(self):
            value = getattr(self, constant.name)
            if not isinstance(value, int | float | np.number) or not math.isfinite(value):
                raise ValueError(f"{self.name}: {constant.name}: must be a finite number, got {shown(value)}")
        if isinstance(self.time_limit, bool) or self.time_limit != int(self.time_limit):
            raise ValueError(f"{self.name}: time_limit: must be an integer, got {shown(self.time_limit)}")
        if not 1 <= self.time_limit <= _MOST_STEPS:
            raise ValueError(
                f"{self.name}: time_limit: must be from 1 to {_MOST_STEPS}, got {self.time_limit}"
            )

    @property
    @abstractmethod
    def observations(self) -> Box:
        """Published bounds of the observations, by which they are scaled; infinite: not scaled."""

    @property
    @abstractmethod
    def actions(self) -> Box | Discrete:
        """The actions."""

    reset: ClassVar[Callable[..., None]]
    observe: ClassVar[Callable[..., None]]
    step: ClassVar[Callable[..., tuple[Any, Any]]]

    def functions(self) -> Functions:
        """`reset`, `observe` and `step`, not compiled, with the constants of modules that they reach now."""
        given = (getattr(type(self), name) for name in FUNCTIONS)
        reset, observe, step = (freeze(getattr(function, "py_func", function)) for function in given)
        return known_functions(
            Functions(
                f"{type(self).__module__}.{type(self).__qualname__}",
                reset,
                observe,
                step,
                self.precision,
                len(self.state_names),
                self.num_observations,
                1 if isinstance(self.actions, Discrete) else len(self.actions.low),
                len(self.constants),
                self,
            )
        )

    @property
    def name(self) -> str:
        """The class's name."""
        return type(self).__name__

    @functools.cached_property
    def constants(self) -> tuple[Any, ...]:
        """The constants as the functions take them."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "time_limit"]
        return tuple(self.precision(getattr(self, name)) for name in names)

    @functools.cached_property
    def num_observations(self) -> int:
        """Dimensions of an observation."""
        return len(self.observations.low)

    def to_gymnasium(self) -> gymnasium.Env:
        """The same as a `gymnasium.Env`, stepped by the same functions.

        Its `reset` takes a seed, and a state as `options={"state": …}`.

        Raises:
            ImportError: gymnasium is not installed; it comes with `batchneat[gym]`.
        """
        try:
            from evaluators.environments.as_gymnasium import AsGymnasium
        except ImportError:
            raise ImportError("to_gymnasium needs gymnasium: pip install 'batchneat[gym]'") from None
        return AsGymnasium(self)
