"""numba's messages about user-defined functions reach the user as one line of readable length."""

import re

import numpy as np
import pytest
from numba import types
from numba.core.errors import TypingError

from evaluators import Rollout
from evaluators.environments import Box, Discrete, Environment
from neat.activations import register_activation, register_aggregation
from neat.kernels import jit

MIXED = (1, 2.0, True, np.float32(1)) * 40  # a tuple with a type whose name has some 1,200 characters


def mixed(x):
    return MIXED


def unified(x):
    return x if x.any() else MIXED


def list_of_mixed(x):
    return [y for y in MIXED]


def importing(x):
    import math

    return math.inf


def opening(x):
    with open("file") as file:
        return file


def catching(x):
    try:
        return x
    except ZeroDivisionError as error:
        return error


def classes(x):
    class Number:
        pass

    return x


def formatting(x):
    return f"{x:>3000}"


FUNCTIONS = [mixed, unified, list_of_mixed, importing, opening, catching, classes, formatting]
functions = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)


def check_readable(error, start):
    message = str(error.value)
    assert re.match(start, message), message
    assert len(message) < 600 and "\n" not in message


@functions
@pytest.mark.parametrize("register", [register_activation, register_aggregation])
def test_a_registered_function(register, function):
    with pytest.raises(ValueError) as error:
        register("bad", function)
    check_readable(error, "(activation|aggregation) 'bad': ")


class Bad(Environment):
    actions = Discrete(2)
    observations = Box((-1.0,), (1.0,))
    state_names = ("x",)
    time_limit = 5

    def reset(state, constants, random):
        state[0] = 0.0

    def observe(state, constants, observation):
        observation[0] = state[0]


@functions
def test_a_function_of_an_environment(function):
    number = jit.inner_function(function)
    bad = type("Bad", (Bad,), {"step": lambda state, action, constants, random: (number(state), False)})
    with pytest.raises(ValueError) as error:
        Rollout(bad())
    check_readable(error, "Bad: ")


@functions
def test_a_function_on_a_gpu(function):
    pytest.importorskip("numba_cuda")
    from evaluators.gpu import launcher

    reason = launcher.unsupported_reason(function, (types.Array(types.float32, 1, "A"),))
    assert reason is None or (len(reason) < 600 and "\n" not in reason)
    assert reason or function in (mixed,)


def test_a_long_cause_is_cut():
    error = TypingError("Failed in nopython mode\n" + "x" * 5_000 + " end\nDuring: typing")
    message = jit.summarise_numba_error(error)
    assert message.startswith("xxx") and message.endswith("x end") and len(message) < 450
    assert jit.summarise_numba_error(TypingError("short\nmore")) == "short"
