"""The functions that make the environments of an evaluator, and the checks of what the user gave."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neat.support.messages import quote, shorten

if TYPE_CHECKING:
    import gymnasium

    Make = Callable[[], gymnasium.Env[Any, Any]]


def make_factory(
    environment: str | Callable[[], gymnasium.Env[Any, Any]],
    arguments: dict[str, Any],
    time_limit: int | None,
) -> tuple[Make, Make, gymnasium.Env[Any, Any]]:
    """Return a function that makes environments, one whose environments render, and an environment."""
    try:
        import gymnasium
    except ImportError:
        raise ImportError("Gymnasium needs gymnasium: pip install 'batchneat[gym]'") from None
    make: Make
    if isinstance(environment, str):
        try:
            example = gymnasium.make(environment, **arguments)
        except gymnasium.error.DependencyNotInstalled as error:
            raise ImportError(f"environment: {environment} needs more: {error}") from None
        except (gymnasium.error.Error, TypeError) as error:
            raise ValueError(f"environment: {error}") from None
        assert example.spec is not None
        # Worker processes would not know the id if a script registered it, so they get the spec.
        make = functools.partial(gymnasium.make, example.spec)
        rendering: Make = functools.partial(gymnasium.make, example.spec, render_mode="rgb_array")
    else:
        if not callable(environment) or isinstance(environment, gymnasium.Env):
            raise ValueError(
                f"environment: expected an id or a function, got {quote(environment)}{_suggest_instead(environment)}"
            )
        if arguments:
            raise ValueError(
                f"{min(arguments)}: arguments are for an environment's id, got a function as environment"
            )
        make = rendering = environment
        example = make()
        _check_environment(example)
    if time_limit is None:
        return make, rendering, example

    def limited(make: Make) -> Make:
        return lambda: gymnasium.wrappers.TimeLimit(make(), int(time_limit))

    return limited(make), limited(rendering), example


def _check_environment(example: Any) -> None:
    import gymnasium

    if not isinstance(example, gymnasium.Env):
        raise ValueError(
            "environment: expected a function that makes a gymnasium.Env, got one that makes "
            f"{quote(example)}{_suggest_instead(example)}"
        )
    for name in ("observation_space", "action_space"):
        space = getattr(example, name, None)
        if not isinstance(space, gymnasium.Space):
            example.close()
            raise ValueError(
                f"environment: {type(example.unwrapped).__name__}.{name} must be one of gymnasium.spaces, "
                f"got {quote(space)}"
            )


def _suggest_instead(value: Any) -> str:
    """Suggest what to pass as `environment` instead of this object; empty if that is unknown."""
    import gymnasium

    from evaluators.environments.environment import Environment

    if isinstance(value, gymnasium.vector.VectorEnv):
        return "; give a function that makes a single environment: this evaluator steps several side by side"
    if isinstance(value, Environment):
        name = type(value).__name__
        return f"; write Rollout({name}(…)), or Gymnasium({name}(…).to_gymnasium) for Gymnasium's loop"
    if isinstance(value, gymnasium.Env):
        if value.spec is not None:
            return f"; write Gymnasium({value.spec.id!r}), or a function that makes it"
        return (
            f"; write Gymnasium(lambda: {type(value.unwrapped).__name__}(…)), which makes a new one each time"
        )
    return ""


def check_picklable(make: Callable[[], Any]) -> None:
    """Raise a ValueError unless the function can be sent to worker processes."""
    import cloudpickle  # Gymnasium needs it too

    try:
        cloudpickle.dumps(make)
    except Exception as error:
        raise ValueError(
            f"environment: expected a function that can be sent to worker processes ({shorten(str(error), 500)})"
        ) from None
