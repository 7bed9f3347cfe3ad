"""Environments, arguments and genomes that Rollout refuses, and errors in the middle of its work."""

import numpy as np
import pytest

import neat
from evaluators import Rollout
from evaluators.cpu import engine
from evaluators.environments import Box, CartPole, Discrete, Environment
from tests.support.random_walks import ONE, Late, Walk


def broken(**members):
    return type("Broken", (Walk,), {"__module__": __name__, **members})()


def nan_observation(state, constants, observation):
    observation[0] = state[0] / (state[0] - state[0])


def nan_reward(state, action, constants, random):
    return np.float32(np.nan), False


def out_of_range(state, constants, observation):
    observation[3] = state[0]


def raises(state, action, constants, random):
    if state[1] >= 0:
        raise RuntimeError("the motor is broken")
    return np.float32(0.0), False


def not_compilable(state, action, constants, random):
    return open("file"), False


def makes_an_array(state, action, constants, random):
    state[1:] = state[:-1]  # numba copies what overlaps
    return np.float32(0.0), False


def wrong_type(state, action, constants, random):
    state[0] = "high"
    return np.float32(0.0), False


def one_value(state, action, constants, random):
    return np.float32(1.0)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"observe": staticmethod(nan_observation)},
            "Broken: an observation or a reward is not finite in step 1",
        ),
        ({"step": staticmethod(nan_reward)}, "Broken: an observation or a reward is not finite in step 1"),
        (
            {"observe": staticmethod(out_of_range)},
            f"Broken: IndexOutOfRange: out_of_range, line {out_of_range.__code__.co_firstlineno + 1} of "
            "test_rollout_mistakes.py, observation: index 3 is out of range for size 1",
        ),
        ({"step": staticmethod(raises)}, "Broken: RuntimeError: the motor is broken"),
        (
            {"step": staticmethod(not_compilable)},
            "Broken: numba cannot compile step: test_rollout_mistakes.py, "
            f"line {not_compilable.__code__.co_firstlineno + 1}: Untyped global name 'open'",
        ),
        (
            {"step": staticmethod(makes_an_array)},
            "Broken: numba cannot compile step: test_rollout_mistakes.py, "
            f"line {makes_an_array.__code__.co_firstlineno + 1}: this makes an array or a list, which cannot be made "
            "here; write a loop over the elements",
        ),
        (
            {"step": staticmethod(wrong_type)},
            "Broken: numba cannot compile step: test_rollout_mistakes.py, "
            f"line {wrong_type.__code__.co_firstlineno + 1}: No implementation of setitem(array(float32, 1d, A), ",
        ),
        (
            {"step": staticmethod(one_value)},
            "Broken: step: must return (reward, terminated), it returns float32",
        ),
        ({"state_names": ()}, "Broken: state_names: expected a tuple of names, got ()"),
        ({"precision": int}, "Broken: precision: expected np.float32 or np.float64"),
        ({"observations": Box((0.0,), (0.0,))}, "Broken: observations: expected bounds"),
        ({"observations": Box((0.0,), (1.0, 2.0))}, "Broken: observations: expected bounds"),
        ({"actions": Discrete(1)}, "Broken: actions: expected at least 2, got 1"),
        ({"actions": Discrete(3, ("a", "b"))}, "Broken: actions: expected 3 names, got ('a', 'b')"),
        ({"actions": Box((0.0,), (np.inf,))}, "Broken: actions: bounds must be finite"),
        ({"actions": 2}, "Broken: actions: expected a Box or Discrete, got 2"),
        ({"actions": Box([-1.0], (np.inf,))}, "Broken: actions: bounds must be finite"),
        ({"actions": Box(-1.0, 1.0)}, "Broken: actions: expected numbers as bounds, got Box(low=-1.0, "),
        ({"observations": 2}, "Broken: observations: expected a Box, got 2"),
        ({"step": None}, "Broken: step: there is no such function"),
    ],
)
def test_a_bad_environment_is_refused(members, message):
    with pytest.raises(ValueError) as error:
        Rollout(broken(**members))
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_what_goes_wrong_later_names_genome_episode_and_step():
    rollout = Rollout(Late(time_limit=400), episodes=3)
    genomes = neat.Population(neat.Config.for_task(rollout, population_size=4)).ask()
    expected = "Late: an observation or a reward was not finite in step 301 of episode 0 of genome 0"
    with pytest.raises(ValueError, match=expected):
        rollout(genomes)
    assert rollout.last is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environment": "CartPole-v1"}, "environment: expected one of evaluators.environments"),
        ({"environment": CartPole}, "environment: expected one of evaluators.environments"),
        ({"episodes": 0}, "episodes: expected an integer from 1"),
        ({"episodes": 2.5}, "episodes: expected an integer from 1"),
        ({"starts": "all"}, "starts: must be one of 'generation', 'genome', got 'all'"),
        ({"combine": "max"}, "combine: must be one of"),
        ({"observations": "normal"}, "observations: must be one of"),
        ({"actions": "softmax"}, "actions: must be one of"),
        ({"device": "tpu"}, "device: expected"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Rollout(**{"environment": CartPole(), **arguments})


def test_sizes_must_match():
    rollout = Rollout(CartPole())
    for inputs, outputs, message in ((3, 2, "4 inputs, as CartPole"), (4, 1, "2 outputs, as CartPole")):
        config = neat.Config(genome={"num_inputs": inputs, "num_outputs": outputs})
        with pytest.raises(ValueError, match=message):
            rollout(neat.Population(config).ask())


def test_constants_must_be_numbers():
    for constants in ({"gravity": np.nan}, {"gravity": "9.8"}, {"time_limit": 0}, {"time_limit": 2.5}):
        with pytest.raises(ValueError, match=f"CartPole: {next(iter(constants))}"):
            CartPole(**constants)


def test_the_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Environment()


def assigns_a_whole_array(state, constants, observation):
    observation[:] = state[:1] * np.float32(2.0)


def test_what_the_loop_cannot_compile_is_refused_before_the_work():
    with pytest.raises(ValueError, match=r"^Broken: ") as error:
        Rollout(broken(observe=staticmethod(assigns_a_whole_array)))
    assert "\n" not in str(error.value)


def late_error(state, action, constants, random):
    state[1] += ONE
    if state[1] > 250:
        raise ValueError("the motor is hot")
    return np.float32(0.0), False


@pytest.mark.parametrize("kind", ["activation", "aggregation"])
def test_an_error_may_be_that_of_a_registered_function(monkeypatch, kind):
    def fail(*arguments):
        raise IndexError("there is no third value")

    rollout = Rollout(CartPole(), device="cpu")
    genomes = neat.Population(neat.Config.for_task(rollout, population_size=4)).ask()
    monkeypatch.setattr(engine, "play_range", fail)
    with pytest.raises(RuntimeError, match=r"^CartPole: IndexError: there is no third value$"):
        rollout(genomes)
    monkeypatch.setattr(engine, f"BUILT_IN_{kind.upper()}S", 0)
    message = r"^CartPole, or a registered activation or aggregation: IndexError: there is no third value$"
    with pytest.raises(RuntimeError, match=message):
        rollout(genomes)


def test_an_error_in_the_middle_names_the_environment():
    hot = type("Hot", (Walk,), {"__module__": __name__, "step": staticmethod(late_error)})(time_limit=400)
    rollout = Rollout(hot)
    with pytest.raises(RuntimeError, match=r"^Hot: ValueError: the motor is hot$"):
        rollout(neat.Population(neat.Config.for_task(rollout, population_size=4)).ask())


def test_bad_trials_and_no_genomes():
    rollout = Rollout(Walk())
    genomes = neat.Population(neat.Config.for_task(rollout, population_size=12)).ask()
    for trial in (-1, 251, "x", 1.5):
        for call in (
            lambda trial=trial: rollout.play(genomes, trial=trial),
            lambda trial=trial: rollout.play(genomes, trial=trial, states=[[0.0]]),
            lambda trial=trial: rollout.trace(genomes[0], trial=trial),
        ):
            with pytest.raises(ValueError, match="trial: expected an integer from 0 to 250"):
                call()
    with pytest.raises(ValueError, match="genomes: expected at least one, got none"):
        rollout(genomes.take(np.array([], np.int64)))


# ---------------------------------------------------------------- normalised observations


class Other(Walk):
    """Another environment of the same shape."""


def normalised(environment=None):
    return Rollout(environment or Walk(), episodes=2, observations="normalised", device="cpu")


@pytest.fixture(scope="module")
def trained():
    """An evaluator that has seen some observations, and genomes for it."""
    rollout = normalised()
    genomes = neat.Population(neat.Config.for_task(rollout, population_size=4)).ask()
    rollout(genomes)
    return rollout, genomes


USES = {
    "play": lambda rollout, genomes: rollout.play(genomes, 3).reward,
    "play from states": lambda rollout, genomes: rollout.play(genomes, states=[[0.5]]).reward,
    "validate": lambda rollout, genomes: rollout.validate(genomes, 3),
    "trace": lambda rollout, genomes: rollout.trace(genomes[0]).reward,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_nothing_is_played_without_what_normalises_it(use, trained):
    rollout, genomes = trained
    fresh = normalised()
    expected = (
        r"^Walk: observations are normalised by those of a run, .* restore\(neat.checkpoint.load\(file\)"
    )
    with pytest.raises(ValueError, match=expected):
        use(fresh, genomes)
    fresh.restore(rollout.state())
    np.testing.assert_array_equal(use(fresh, genomes), use(rollout, genomes))


def test_what_another_environment_has_seen_is_refused(trained):
    with pytest.raises(ValueError, match=r"^environment: the checkpoint's is Walk\(.*, this one is Other\("):
        normalised(Other()).restore(trained[0].state())
    with pytest.raises(ValueError, match=r"^state: mean: expected float64 of shape \(4,\)"):
        normalised(CartPole()).restore(trained[0].state())


def test_what_was_seen_with_other_constants_is_refused():
    state = normalised(CartPole()).state()
    with pytest.raises(
        ValueError, match=r"^environment: the checkpoint's is CartPole\(.*this one.*gravity=5\.0"
    ):
        normalised(CartPole(gravity=5.0)).restore(state)
    normalised(CartPole()).restore(state)
    normalised(CartPole()).restore({**state, "environment": np.array("CartPole")})  # of an earlier version


def test_the_environment_of_an_evaluator_cannot_be_exchanged(trained):
    for name, value in (("environment", CartPole()), ("observations", "raw")):
        with pytest.raises(AttributeError):
            setattr(trained[0], name, value)


def test_genomes_for_another_environment_are_refused_by_every_use(trained):
    genomes = neat.Population(neat.Config.for_task(Rollout(CartPole()), population_size=4)).ask()
    for use in USES.values():
        with pytest.raises(ValueError, match=r"^genomes: expected 1 inputs, as Walk observes, got 4$"):
            use(trained[0], genomes)
