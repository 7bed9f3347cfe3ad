"""Copies of user-defined functions keep their constants, and indices that are out of range raise an exception."""

import sys
import types
from dataclasses import dataclass

import numba
import numpy as np
import pytest

import neat
from evaluators import Rollout
from evaluators.cpu.kernels import play_range
from evaluators.environments import Box, Discrete, Environment
from evaluators.gradient.ppo.policy import Policy
from evaluators.program.intrinsics import column
from neat.activations import register_activation
from neat.kernels.fingerprint import fingerprint
from neat.kernels.index_checks import IndexOutOfRange
from neat.kernels.jit import dispatcher_of, inner_function
from neat.kernels.user_functions import CHECKED, freeze
from tests.support.scripts import run_python

GAIN, PULL, REWARD = np.float32(2.0), np.float32(1.0), np.float32(1.0)
THIS = sys.modules[__name__]
module = types.ModuleType("a_module_of_the_user")
module.PUSH = np.float32(0.0)


@inner_function
def pulled(place):
    return place - PULL


@dataclass(frozen=True, kw_only=True)
class Fall(Environment):
    """The state shows every constant that a step can reach."""

    time_limit: int = 400

    state_names = ("place", "steps")
    observations = Box((-1.0,), (1.0,))
    actions = Discrete(2)

    @staticmethod
    def reset(state, constants, random):
        state[0] = 1.0
        state[1] = 0.0

    @staticmethod
    def observe(state, constants, observation):
        observation[0] = state[1]

    @staticmethod
    def step(state, action, constants, random):
        state[0] = GAIN * pulled(state[0]) + module.PUSH
        state[1] += np.float32(1.0)
        return REWARD, False


def place_after_a_step(env):
    env.reset(options={"state": [3.0, 0.0]})
    env.step(0)
    return float(env.state[0])


@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [(None, "GAIN", 4 * 2), (None, "PULL", 2 * -1), (module, "PUSH", 2 * 2 + 4)],
    ids=["own", "a helper's", "a module's"],
)
def test_a_changed_constant_affects_only_environments_that_are_made_later(owner, name, after, monkeypatch):
    pytest.importorskip("gymnasium")
    before, late = Fall().to_gymnasium(), Fall().to_gymnasium()
    assert place_after_a_step(before) == 4
    monkeypatch.setattr(owner or THIS, name, np.float32(4.0))
    assert place_after_a_step(Fall().to_gymnasium()) == after
    # Environments that were made before keep their constants, compiled or not.
    assert place_after_a_step(before) == place_after_a_step(late) == 4


def test_a_changed_constant_affects_a_new_rollout_and_a_new_policy(monkeypatch):
    rollout, policy = Rollout(Fall(), device="cpu"), Policy(Fall(), hidden=(2,))
    kernel = play_range(rollout._functions, "argmax")
    monkeypatch.setattr(THIS, "GAIN", np.float32(4.0))
    changed = Rollout(Fall(), device="cpu")
    assert play_range(rollout._functions, "argmax") is kernel
    other = play_range(changed._functions, "argmax")
    assert dispatcher_of(other).py_func.__qualname__ != dispatcher_of(kernel).py_func.__qualname__
    assert Policy(Fall(), hidden=(2,)).functions is changed._functions is not policy.functions
    monkeypatch.undo()
    assert play_range(Rollout(Fall(), device="cpu")._functions, "argmax") is kernel


def test_a_changed_constant_affects_the_check(monkeypatch):
    Rollout(Fall(), device="cpu")
    monkeypatch.setattr(THIS, "REWARD", np.float32(np.nan))
    with pytest.raises(ValueError, match=r"^Fall: an observation or a reward is not finite in step 1$"):
        Rollout(Fall(), device="cpu")


def test_a_build_with_checks_depends_on_line_numbers():
    """Otherwise, errors of a build on disk could name lines of an earlier version."""
    source, names = "def step(state, k):\n    return state[k]\n", [{}, {}, {}]
    for space, start in zip(names, ("", "", "\n"), strict=True):
        exec(compile(start + source, "user.py", "exec"), space)
    for options, equal in ((CHECKED, False), ({}, True)):
        tags = [fingerprint(inner_function(space["step"], **options)) for space in names]
        assert tags[0] == tags[1] and (tags[1] == tags[2]) is equal


def test_constants_of_an_environment_cannot_be_changed():
    with pytest.raises(AttributeError):
        Fall().time_limit = 3


def test_a_copy_keeps_what_the_original_reached():
    """In a process of its own, since numba can crash at a recursive function after others that failed to compile."""
    line = "from tests.neat.kernels.test_user_functions import check_copy; check_copy()"
    run_python("-c", line)


def check_copy():
    table = np.array([1.0, 2.0])
    scale = 2.0

    @numba.njit
    def countdown(n):
        return 0 if n < 1 else 1 + countdown(n - 1)

    def compute(x, shift=5.0):
        return scale * table[1] + x + shift + countdown(3)

    before = fingerprint(compute)
    copy = freeze(compute)
    assert fingerprint(copy) == before
    table[1], scale = 7.0, 3.0
    assert fingerprint(copy) == before != fingerprint(compute)
    assert numba.njit(copy)(1.0) == 2 * 2 + 1 + 5 + 3


# ---------------------------------------------------------------- indices that are out of range


def reads_beyond(state, k):
    return state[k]


def writes_beyond(state, k):
    rows = state.reshape(1, len(state))
    rows[0, k] = 1.0
    return 0.0


def adds_before(state, k):
    state[-k] += 1.0
    return 0.0


@numba.njit
def helper(values, k):
    return values[k]


def in_a_helper(state, k):
    return helper(state, k)


def of_a_tuple(state, k):
    return (state, state)[0][np.uint8(k)]


def reads_flat(state, k):
    return state.reshape(2, 2).flat[k]


def writes_flat(state, k):
    state[::1].flat[-k] = 1.0
    return 0.0


@pytest.mark.parametrize(
    ("function", "name", "line", "array", "index", "size"),
    [
        (reads_beyond, "reads_beyond", 1, "state", 9, 4),
        (writes_beyond, "writes_beyond", 2, "rows", 9, 4),
        (adds_before, "adds_before", 1, "state", -9, 4),
        (in_a_helper, "helper", None, "values", 9, 4),
        (of_a_tuple, "of_a_tuple", 1, "an array[…]", 9, 4),
        (reads_flat, "reads_flat", 1, "an array.flat", 9, 4),
        (writes_flat, "writes_flat", 1, "state[…].flat", -9, 4),
    ],
)
def test_the_error_names_function_line_array_and_index(function, name, line, array, index, size):
    checked = numba.njit(freeze(function, check_indices=True), error_model="numpy", **CHECKED)

    @numba.njit(nogil=True, _nrt=False)
    def kernel(state, k):
        return checked(state, k)

    checked(np.zeros(4), 2)
    line = (
        helper.py_func.__code__.co_firstlineno + 2
        if line is None
        else function.__code__.co_firstlineno + line
    )
    for call in (checked, kernel):
        with pytest.raises(IndexOutOfRange) as error:
            call(np.zeros(4), 9)
        place = f"{name}, line {line} of test_user_functions.py, {array}"
        assert str(error.value) == f"{place}: index {index} is out of range for size {size}"


def look(x):
    return x


def look_up(x, out):
    out[0] = x[0]


@pytest.mark.parametrize(
    ("decorated", "decorator"),
    [
        (numba.vectorize(look), "vectorize"),
        (numba.vectorize(["float64(float64)"])(look), "vectorize"),
        (numba.guvectorize(["void(float64[:], float64[:])"], "(n)->(n)")(look_up), "guvectorize"),
        (numba.cfunc("float64(float64)")(look), "cfunc"),
    ],
)
def test_a_helper_that_would_swallow_errors_is_refused_by_name(decorated, decorator):
    class Looking(Fall):
        @staticmethod
        def step(state, action, constants, random):
            return decorated(state[0]), False

    expected = rf"^look\w*: numba.{decorator} cannot check indices; decorate it with numba.njit instead$"
    with pytest.raises(ValueError, match=expected):
        Rollout(Looking(), device="cpu")
    with pytest.raises(ValueError, match=expected):
        register_activation("looking", lambda x: decorated(x))


@pytest.mark.parametrize("rows", ["constant", "variable"])
def test_a_check_that_cannot_fail_costs_nothing(rows):
    """Otherwise, loops over episodes would not be vectorised."""

    @numba.njit(**CHECKED)
    def step(state):
        for k in range(2):
            state[k] *= np.float32(0.5)

    inner = inner_function(step.py_func, **CHECKED)
    constant = rows == "constant"

    @numba.njit(_nrt=False)
    def loop(states):
        for lane in range(states.shape[1]):
            inner(column(states, lane, 2 if constant else states.shape[0]))

    loop(np.ones((2, 8), np.float32))
    (text,) = loop.inspect_asm().values()
    assert ("NRT_Allocate" in text) is not constant


class Far(Fall):
    """In step 301, it writes beyond its state."""

    @staticmethod
    def step(state, action, constants, random):
        state[1] += np.float32(1.0)
        if state[1] > 300:
            state[1000 * int(state[1])] = np.float32(1.0)
        return np.float32(1.0), False


def test_an_environment_that_writes_out_of_bounds_after_the_check_is_stopped():
    rollout = Rollout(Far(), episodes=3, device="cpu")
    genomes = neat.Population(neat.Config.for_task(rollout, population_size=4)).ask()
    line = Far.step.__code__.co_firstlineno + 4
    expected = (
        f"^Far: IndexOutOfRange: step, line {line} of test_user_functions.py, state: "
        "index 301000 is out of range for size 2$"
    )
    for use in (rollout, rollout.play, rollout.validate, lambda genomes: rollout.trace(genomes[0])):
        with pytest.raises(RuntimeError, match=expected):
            use(genomes)
    with pytest.raises(RuntimeError, match=expected):
        Policy(Far(), hidden=(2,)).initialise(0).play(2)


def test_an_environment_for_gymnasium_cannot_write_out_of_bounds():
    pytest.importorskip("gymnasium")
    env = Far().to_gymnasium()
    env.reset(options={"state": [0.0, 300.0]})
    with pytest.raises(IndexOutOfRange, match="state: index 301000 is out of range for size 2"):
        env.step(0)
