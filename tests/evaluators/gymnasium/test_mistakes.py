"""Factories that return the same environment again, and environments that return invalid values."""

import collections
import functools
import itertools

import numpy as np
import pytest

from evaluators.environments import CartPole
from evaluators.gymnasium.evaluator import Gymnasium
from neat.genome.genome import Genomes
from neat.support.messages import quote
from tests.support.refusals import refused

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.spaces import (  # noqa: E402
    Box,
    Dict,
    Discrete,
    MultiBinary,
    MultiDiscrete,
    OneOf,
    Text,
    Tuple,
)

from tests.support import gymnasium_environments as own  # noqa: E402  needs gymnasium


def unconnected(task, size=2):
    """Make genomes whose outputs are constant."""
    nodes = [{"id": task.num_inputs + k} for k in range(task.num_outputs)]
    one = {"num_inputs": task.num_inputs, "num_outputs": task.num_outputs, "nodes": nodes, "connections": []}
    return Genomes.from_list([one] * size)


# ---------------------------------------------------------------- factories


class Holder(gymnasium.Env):
    """Holds another environment, but is not a Gymnasium wrapper."""

    action_space, observation_space = own.Walk.action_space, own.Walk.observation_space

    def __init__(self, inner):
        self._inner = inner


class Slotted:
    """A plain object whose `__getattr__` fails for missing attributes."""

    __slots__ = ("_environment", "unset")

    def __init__(self, environment):
        self._environment = environment

    def __getattr__(self, name):
        raise RuntimeError(f"no {name} yet")


class ForeignEnvironment:
    """An environment of another library."""

    def reset(self):
        pass

    step = close = reset


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("slots", [1, 3])
def test_a_factory_must_make_new_environments(mode, slots):
    cart_pole, walk, elsewhere = gymnasium.make("CartPole-v1"), own.Walk(), ForeignEnvironment()
    for factory, kind, call in (
        (lambda: walk, "Walk", "Walk(…)"),
        (lambda: cart_pole, "TimeLimit", "gymnasium.make('CartPole-v1')"),
        (lambda: gymnasium.wrappers.TimeLimit(walk, 9), "Walk", "Walk(…)"),
        (
            lambda: gymnasium.wrappers.TimeLimit(cart_pole.unwrapped, 9),
            "CartPoleEnv",
            "gymnasium.make('CartPole-v1')",
        ),
        (lambda: Holder(walk), "Walk", "Holder(…)"),
        (lambda: gymnasium.wrappers.OrderEnforcing(Holder(elsewhere)), "ForeignEnvironment", "Holder(…)"),
        (lambda: Holder([own.Walk(), walk]), "Walk", "Holder(…)"),
        (lambda: Holder({"inner": (walk,)}), "Walk", "Holder(…)"),
        (lambda: Holder(Slotted(walk)), "Walk", "Holder(…)"),
        (lambda: Holder({"inner": Slotted(Holder(collections.deque([walk])))}), "Walk", "Holder(…)"),
    ):
        refused(
            lambda factory=factory: Gymnasium(factory, vectorization_mode=mode, slots=slots, time_limit=5),
            "environment: expected a function that makes a new environment each time, got one that gives the same "
            f"{kind} again; make it inside the function: lambda: {call}",
        )


@pytest.mark.parametrize("member", ["observation_space", "action_space"])
@pytest.mark.parametrize("space", [gymnasium.spaces.Sequence(Discrete(2)), None])
def test_an_environment_whose_spaces_are_refused_is_closed(member, space):
    closed = []

    class Spaced(own.Walk):
        def close(self):
            closed.append(True)

    setattr(Spaced, member, space)
    with pytest.raises(ValueError, match=r"^environment: "):
        Gymnasium(Spaced)
    assert closed == [True]


def test_a_factory_that_cycles_through_environments():
    few = itertools.cycle([own.Walk(), own.Walk(), own.Walk()])
    evaluator = Gymnasium(lambda: next(few), slots=4)
    genomes = unconnected(Gymnasium(own.Walk))
    with pytest.raises(ValueError, match=r"got one that gives the same Walk again"):
        evaluator(genomes)
    with pytest.raises(ValueError, match=r"got one that gives the same Walk again"):
        evaluator.play(genomes)
    shared = own.Walk()
    gymnasium.register("Shared-v0", entry_point=lambda: shared)
    try:
        with pytest.raises(ValueError, match=r"same Walk again; .* lambda: gymnasium\.make\('Shared-v0'\)"):
            Gymnasium("Shared-v0")
    finally:
        del gymnasium.registry["Shared-v0"]


def test_environments_may_share_other_objects():
    """The search must also end for large objects, and for objects that hold themselves."""
    shared = [list(range(10**6))]
    shared += [shared, own.Walk, np.zeros(3), functools]
    assert Gymnasium(lambda: Holder([shared, own.Walk()])).num_inputs == 2


def test_to_gymnasium_makes_new_environments():
    pole = CartPole(time_limit=30)
    evaluator = Gymnasium(pole.to_gymnasium, slots=3)  # they share `pole`, which has no state
    assert (evaluator(unconnected(evaluator)) > 1).all()


def test_errors_suggest_the_right_argument():
    walk, cart_pole = own.Walk(), gymnasium.make("CartPole-v1")
    vector = gymnasium.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync")
    instance = "environment: expected an id or a function, got "
    made = "environment: expected a function that makes a gymnasium.Env, got one that makes "
    ours = "; write Rollout(CartPole(…)), or Gymnasium(CartPole(…).to_gymnasium) for Gymnasium's loop"
    single = "; give a function that makes a single environment: this evaluator steps several side by side"
    for environment, message in (
        (walk, f"{instance}{quote(walk)}; write Gymnasium(lambda: Walk(…)), which makes a new one each time"),
        (
            cart_pole,
            f"{instance}{quote(cart_pole)}; write Gymnasium('CartPole-v1'), or a function that makes it",
        ),
        (vector, f"{instance}{quote(vector)}{single}"),
        (lambda: vector, f"{made}{quote(vector)}{single}"),
        (CartPole(), f"{instance}{quote(CartPole())}{ours}"),
        (CartPole, f"{made}{quote(CartPole())}{ours}"),
    ):
        refused(lambda environment=environment: Gymnasium(environment), message)
    vector.close()
    walk.observation_space = None
    refused(
        lambda: Gymnasium(lambda: walk),
        "environment: Walk.observation_space must be one of gymnasium.spaces, got None",
    )


# ---------------------------------------------------------------- what environments give

BOX = Box(-1, 1, (2,), np.float32)
HAND = Dict(card=Discrete(3), pair=Tuple([Box(0, 1, (1,)), MultiBinary(2)]))
MISFITS = [
    (BOX, np.zeros(3, np.float32), "of shape (2,) and dtype float32, got shape (3,) and dtype float32 ([0"),
    (BOX, np.zeros(1, np.float32), "of shape (2,) and dtype float32, got shape (1,) and dtype float32"),
    (BOX, np.zeros((1, 2)), "of shape (2,) and dtype float32, got shape (1, 2) and dtype float64"),
    (BOX, np.zeros(2, complex), "of shape (2,) and dtype float32, got shape (2,) and dtype complex128"),
    (BOX, [0.0, [1.0]], "of shape (2,) and dtype float32, got list ([0.0, [1.0]])"),
    (BOX, [0.0], "of shape (2,) and dtype float32, got list of shape (1,) ([0.0])"),
    (BOX, None, "of shape (2,) and dtype float32, got NoneType (None)"),
    (BOX, [0.0, np.ma.masked], "of shape (2,) and dtype float32, got list ([0.0, masked])"),
    (BOX, {"a": 1}, "of shape (2,) and dtype float32, got dict ({'a': 1})"),
    (BOX, np.ma.masked_equal([0.0, 9.0], 9.0), "and dtype float32, got a masked array of shape (2,)"),
    (
        Box(0, 255, (2,), np.uint8),
        np.array([3, 300]),
        "of shape (2,) and dtype uint8, got shape (2,) and dtype int64",
    ),
    (
        Box(0, 255, (2,), np.uint8),
        np.array([0.5, 1]),
        "of shape (2,) and dtype uint8, got shape (2,) and dtype float64",
    ),
    (Discrete(5), -1, "in Discrete(5), got -1"),
    (Discrete(5), 5, "in Discrete(5), got 5"),
    (Discrete(5, start=2), np.int64(1), "in Discrete(5, start=2), got 1"),
    (Discrete(5), 2.0, "in Discrete(5), integers of shape (), got float of shape () (2.0)"),
    (Discrete(5), np.array([1, 2]), "in Discrete(5), integers of shape (), got shape (2,) and dtype int64"),
    (MultiDiscrete([2, 3]), np.array([2, 0]), "in MultiDiscrete([2 3]), got [2, 0]"),
    (MultiDiscrete([2, 3]), np.array([0, -1]), "in MultiDiscrete([2 3]), got [0, -1]"),
    (MultiDiscrete([2, 3], start=[5, 5]), np.array([5, 4]), ", got [5, 4]"),
    (MultiDiscrete([2, 3]), np.array([0]), "integers of shape (2,), got shape (1,) and dtype int64 ([0])"),
    (MultiBinary(2), np.array([0, 2]), "in MultiBinary(2), got [0, 2]"),
    (
        MultiBinary(2),
        np.array([0.5, 1]),
        "in MultiBinary(2), integers of shape (2,), got shape (2,) and dtype float64",
    ),
    (HAND, {"card": 3, "pair": ([0.5], [0, 1])}, "observation['card'] in Discrete(3), got 3"),
    (HAND, {"card": 0, "pair": ([0.5], [0, 7])}, "observation['pair'][1] in MultiBinary(2), got [0, 7]"),
    (
        HAND,
        {"card": 0, "pair": ([], [0, 1])},
        "observation['pair'][0] of shape (1,) and dtype float32, got list",
    ),
    (HAND, {"card": 0, "pair": ([0.5],)}, "observation['pair'] as a tuple of 2 values, got 1 values"),
    (HAND, {"card": 0}, "as a dictionary of ['card', 'pair'], got a dictionary of ['card']"),
    (HAND, {"card": 0, "pair": ([0.5], [0, 1]), "more": 1}, "got a dictionary of ['card', 'pair', 'more']"),
    (HAND, (0, 1), "as a dictionary of ['card', 'pair'], got tuple"),
    (OneOf([Discrete(2), BOX]), (0, 2), "observation[1] in Discrete(2), got 2"),
    (OneOf([Discrete(2), BOX]), (2, 0), "observation[0] in Discrete(2), got 2"),
    (Text(3, charset="ab"), "abc", "in Text(1, 3, charset=ab), got 'abc'"),
]


@pytest.mark.parametrize(("space", "value", "expected"), MISFITS, ids=range(len(MISFITS)))
def test_observations_must_match_their_space(space, value, expected):
    for at_reset in (False, True):
        evaluator = Gymnasium(functools.partial(own.Gives, space, value, at_reset), slots=2)
        with pytest.raises(ValueError) as error:
            evaluator(unconnected(evaluator))
        message = str(error.value)
        assert message.startswith("Gives: expected observation") and expected in message
        assert message.endswith(f", in step {int(not at_reset)} of episode 0 of genome 0")
        assert "\n" not in message and len(message) < 2000


@pytest.mark.parametrize(
    ("space", "value"),
    [
        (BOX, [5, -7]),  # values outside the bounds are accepted
        (BOX, np.zeros(2)),
        (Box(0, 255, (2,), np.uint8), np.array([0, 255])),
        (Discrete(5, start=-2), np.uint8(2)),
        (Discrete(2), np.True_),
        (MultiDiscrete(np.full(2, 127, np.int8), dtype=np.int8), [0, 126]),
        (MultiBinary(2), np.array([True, False])),
        (HAND, {"pair": [[0.5], (0, 1)], "card": np.int64(2)}),
        (OneOf([Discrete(2), BOX]), (np.int64(1), np.float64([0, 1]))),
    ],
)
def test_other_forms_of_the_same_observation_are_accepted(space, value):
    evaluator = Gymnasium(functools.partial(own.Gives, space, value))
    np.testing.assert_array_equal(evaluator(unconnected(evaluator)), [1.0, 1.0])


def test_processes_refuse_invalid_results():
    """The processes' shared memory would broadcast a wrong shape, and truncate fractions."""
    make = functools.partial(own.Gives, BOX, np.zeros(1, np.float32))
    with Gymnasium(make, slots=1, vectorization_mode="async") as evaluator:
        refused(
            lambda: evaluator(unconnected(evaluator)),
            "Gives: expected observation of shape (2,) and dtype float32, got shape (1,) and dtype float32 ([0.0]), "
            "in step 1 of episode 0 of genome 0",
        )


def test_the_old_interface_is_named():
    def play(make, **arguments):
        evaluator = Gymnasium(make, slots=2, **arguments)
        return lambda: evaluator(unconnected(evaluator))

    old_reset = functools.partial(own.Returns, reset=own.observation_only)
    old_step = functools.partial(own.Returns, step=own.four_values)
    refused(
        play(old_reset),
        "Returns: reset must return (observation, info), got ndarray, in step 0 of episode 0 of genome 0",
    )
    refused(
        play(old_step),
        "Returns: step must return (observation, reward, terminated, truncated, info), "
        "got (ndarray, float, bool, dict), in step 1 of episode 0 of genome 0",
    )
    for make, step in ((old_step, 1), (lambda: gymnasium.wrappers.FlattenObservation(old_reset()), 0)):
        with pytest.raises(
            (ValueError, RuntimeError),
            match=rf"reset must return \(observation, info\).* in step {step} of episode 0",
        ):
            play(make, time_limit=9)()
    for arguments in ({}, {"time_limit": 9}):
        with pytest.raises(
            RuntimeError,
            match=r"seed'; reset must take seed and options, and return \(observation, info\), in step 0",
        ):
            play(Seedless, **arguments)()
    refused(
        play(functools.partial(own.Returns, step=own.no_reward)),
        "Returns: expected a number as reward, got None, in step 1 of episode 0 of genome 0",
    )


@pytest.mark.parametrize(
    "value",
    ["3.0", b"3", np.str_("3"), np.array("3"), None, np.ma.masked, 1j, np.complex64(1), 10**400],
    ids=range(9),
)
def test_a_reward_must_be_a_number(value):
    evaluator = Gymnasium(lambda: Steps(reward=value), slots=2)
    with pytest.raises(
        ValueError, match=r"^Steps: expected a number as reward, got .* in step 1 of episode 0"
    ):
        evaluator(unconnected(evaluator))


@pytest.mark.parametrize("name", ["terminated", "truncated"])
@pytest.mark.parametrize(
    "value",
    ["False", None, 0, 1.0, np.array([True]), np.ma.masked, np.ma.array(True, mask=True), float("nan")],
)
def test_an_end_must_be_true_or_false(name, value):
    evaluator = Gymnasium(lambda: Steps(**{name: value}), slots=2)
    expected = rf"^Steps: expected True or False as {name}, got .* in step 1 of episode 0"
    with pytest.raises(ValueError, match=expected):
        evaluator(unconnected(evaluator))


@pytest.mark.parametrize("reward", [2, np.float32(2), np.int8(2), np.array(2.0), True])
@pytest.mark.parametrize("ends", [True, np.True_, np.array(True)])
def test_other_forms_of_a_number_and_a_bool_are_accepted(reward, ends):
    evaluator = Gymnasium(lambda: Steps(reward, ends), slots=2)
    assert evaluator(unconnected(evaluator)).tolist() == [float(reward)] * 2


class Steps(gymnasium.Env):
    """Its steps return the constructor's arguments."""

    observation_space, action_space = BOX, Discrete(2)

    def __init__(self, reward=1.0, terminated=True, truncated=False):
        self.results = reward, terminated, truncated

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), *self.results, {}


class Seedless(own.Walk):
    """Has the interface of Gym before 0.22."""

    def reset(self):
        return np.zeros(2, np.float32)


def test_an_episode_without_end_is_logged(monkeypatch, caplog):
    monkeypatch.setattr("evaluators.gymnasium.playing._LONG_EPISODE", 25)
    evaluator = Gymnasium(lambda: own.Gives(BOX, np.zeros(2, np.float32)), slots=2)
    evaluator(unconnected(evaluator))
    assert not caplog.records
    evaluator = Gymnasium(Steady)
    evaluator(unconnected(evaluator))
    assert [record.getMessage() for record in caplog.records] == [
        "Steady: an episode has taken 25 steps; if it never ends, give time_limit, the steps that it may take"
    ]


class Steady(own.Walk):
    """Ends after 40 steps."""

    def step(self, action):
        observation, reward, _, truncated, information = super().step(action)
        return observation, reward, False, truncated, information
