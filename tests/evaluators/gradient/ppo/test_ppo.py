"""PPO learns small tasks, repeats and resumes, and refuses mistakes."""

import csv
import math
from dataclasses import dataclass

import numpy as np
import pytest

import neat
from evaluators import Rollout
from evaluators.environments import Acrobot, Box, CartPole, Discrete, Environment, MountainCar, Pendulum
from evaluators.environments.random_numbers import uniform
from evaluators.gradient import CheckpointError, Tensor, ppo, reporting
from evaluators.gradient.ppo import learner as learner_module
from neat.support.archive import read_arrays, write_arrays
from tests.support.fitting import assert_same_model
from tests.support.refusals import refuses

ONE = np.float32(1.0)
QUICK = ppo.Settings(
    steps=4096, slots=4, rollout=64, epochs=4, minibatch_size=64, learning_rate=3e-3, hidden=(16,)
)


def quick(**changes):
    return QUICK.updated(**changes)


@dataclass(frozen=True, kw_only=True)
class Bandit(Environment):
    """Rewards the number of the action, for a few steps."""

    time_limit: int = 5
    state_names = ("nothing",)
    actions = Discrete(4)
    observations = Box((-1.0,), (1.0,))

    @staticmethod
    def reset(state, constants, random):
        state[0] = ONE

    @staticmethod
    def observe(state, constants, observation):
        observation[0] = state[0]

    @staticmethod
    def step(state, action, constants, random):
        return np.float32(action), False


@dataclass(frozen=True, kw_only=True)
class Aim(Bandit):
    """Rewards minus the squared distance between the action, from 0 to 10, and the goal."""

    goal: float = 7.0
    actions = Box((0.0,), (10.0,))

    @staticmethod
    def step(state, action, constants, random):
        distance = action[0] - constants[0]
        return -distance * distance, False


@dataclass(frozen=True, kw_only=True)
class Clock(Bandit):
    """Rewards 1 for each step; terminates after `length` steps unless the time limit comes first."""

    length: float = 1000.0
    actions = Discrete(2)

    @staticmethod
    def reset(state, constants, random):
        state[0] = np.float32(0.0)

    @staticmethod
    def observe(state, constants, observation):
        observation[0] = ONE

    @staticmethod
    def step(state, action, constants, random):
        state[0] += ONE
        return ONE, state[0] >= constants[0]


@dataclass(frozen=True, kw_only=True)
class Noise(Bandit):
    """Observes and rewards sums of two uniform numbers and 3; optionally broken, too rarely for `check` to notice."""

    broken: float = 0.0
    actions = Discrete(2)

    @staticmethod
    def reset(state, constants, random):
        state[0] = np.float32(3.0) + uniform(random, 0) + uniform(random, 1)

    @staticmethod
    def step(state, action, constants, random):
        if constants[0] == np.float32(2.0) and state[0] > np.float32(4.95):
            raise IndexError("a mistake in step")
        state[0] = np.float32(3.0) + uniform(random, 0) + uniform(random, 1)
        reward = state[0]
        if constants[0] == ONE and state[0] > np.float32(4.95):
            reward = np.float32(np.inf)
        return reward, False


@pytest.mark.parametrize(
    ("environment", "value"),
    [(Clock(time_limit=10), 10.0), (Clock(length=10, time_limit=20), (1 - 0.9**10) / 0.1)],
    ids=["cut off", "terminated"],
)
def test_a_time_limit_is_not_a_termination(environment, value):
    """At γ = 0.9, every step of an episode that is only cut off has the value 1 / (1 − γ); a termination lowers it."""
    wanted = quick(
        gamma=0.9, gae_lambda=1.0, observations="raw", schedule="constant", steps=40_000, rollout=100
    )
    policy = ppo.train(environment, wanted).policy
    found = policy.value(Tensor([[1.0]])).item()
    if environment.length > 10:
        assert found == pytest.approx(value, rel=0.02)
    else:
        # The critic does not observe the time: its value is the mean over the ten steps of an episode.
        assert found == pytest.approx(np.mean([(1 - 0.9**k) / 0.1 for k in range(1, 11)]), rel=0.05)


def same_rows(first, second):
    for name in ppo.UPDATE.names:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize("environment", [CartPole(), Acrobot(time_limit=50), MountainCar(), Pendulum()])
def test_greedy_episodes_match_those_of_rollout(environment):
    wanted = quick(steps=256, observations="scaled" if environment.name == "MountainCar" else "raw")
    policy = ppo.train(environment, wanted, seed=3).policy
    rollout = Rollout(environment, observations=wanted.observations, device="cpu")
    genomes = neat.Genomes.from_layers(policy)
    for trial in (0, 5):
        theirs = rollout.play(genomes, episodes=20, trial=trial)
        mine = policy.play(episodes=20, trial=trial)
        np.testing.assert_array_equal(mine.length, theirs.length)
        np.testing.assert_array_equal(mine.terminated, theirs.terminated)
        np.testing.assert_allclose(mine.reward, theirs.reward, rtol=1e-3)


def test_choices_are_drawn_by_their_probabilities():
    policy = ppo.Policy(Bandit(time_limit=1))
    p = np.array([0.1, 0.2, 0.3, 0.4])
    last = policy.actor.layers[-1]
    last.weight.data, last.bias.data = np.zeros((64, 4)), np.log(p)
    drawn = policy.play(episodes=20_000, greedy=False).reward[0]
    np.testing.assert_allclose(np.bincount(drawn.astype(int)) / 20_000, p, atol=4 * 0.5 / 141)
    assert policy.play(episodes=10).reward.tolist() == [[3.0] * 10]


def test_continuous_actions_are_drawn_around_the_mean_and_clipped():
    policy = ppo.Policy(Aim(time_limit=1, goal=0.0), deviation=0.1)
    last = policy.actor.layers[-1]
    last.weight.data, last.bias.data = np.zeros((64, 1)), [0.4]  # 0.4 in -1 … 1 is the action 7 in 0 … 10
    assert policy.play(episodes=3).reward == pytest.approx(-49.0, rel=1e-6)
    drawn = np.sqrt(-policy.play(episodes=20_000, greedy=False).reward[0])
    assert drawn.mean() == pytest.approx(7.0, abs=4 * 0.5 / 141)
    assert drawn.std() == pytest.approx(0.5, rel=0.03)
    last.bias.data = [1.5]
    assert policy.play(episodes=3).reward == pytest.approx(-100.0)


def test_learns_the_best_choice(device):
    trained = ppo.train(Bandit(), quick(observations="raw"), device=device)
    assert trained.policy.play(episodes=1).reward.item() == 15.0
    assert trained.policy.play(episodes=100, greedy=False).reward.mean() > 14
    assert trained.history["reward"][-1] > trained.history["reward"][0] + 4


def test_learns_a_continuous_action(device):
    trained = ppo.train(Aim(), quick(observations="raw", steps=16_384, scale_rewards=True), device=device)
    assert trained.policy.play(episodes=1).reward.item() > -5  # at first -20
    assert trained.history["entropy"][-1] < trained.history["entropy"][0]


def test_learns_to_balance():
    wanted = ppo.TASKS[CartPole].updated(steps=20_000)
    assert ppo.train(CartPole(), wanted, seed=1).policy.play(episodes=20).reward.mean() > 80  # at first 20


def test_history():
    learner = ppo.Learner(CartPole(), quick(learning_rate=0.01, steps=1100))
    assert learner.updates == 4  # rounded down
    while len(learner.history) < learner.updates:
        learner.update()
    rows = learner.history
    assert rows["update"].tolist() == [0, 1, 2, 3]
    assert rows["steps"].tolist() == [256, 512, 768, 1024]
    np.testing.assert_allclose(rows["learning_rate"], [0.01, 0.0075, 0.005, 0.0025])
    assert rows["entropy"][0] == pytest.approx(math.log(2), abs=0.02)
    assert (rows["approximate_kl"] > 0).all()
    assert ((rows["clip_fraction"] >= 0) & (rows["clip_fraction"] <= 1)).all()
    assert (rows["explained_variance"] <= 1).all()
    # An episode of an untrained policy takes about twenty steps, and has that reward.
    assert 256 / rows["episodes"][0] == pytest.approx(rows["reward"][0], abs=6)


def test_observations_are_normalised_by_earlier_ones():
    policy = ppo.train(Noise(), quick(steps=512), seed=2).policy
    senses = policy.senses()
    assert senses.offset[0] == pytest.approx(4.0, abs=0.1)
    # The sum of two uniform numbers has the variance 1/6.
    assert 1 / senses.factor[0] == pytest.approx(1 / math.sqrt(6), rel=0.15)
    assert senses.limit == 10


def test_the_same_seed_gives_the_same_policy(set_threads):
    set_threads(1)
    one = ppo.train(CartPole(), quick(steps=1024), seed=4)
    set_threads(3)
    again = ppo.train(CartPole(), quick(steps=1024), seed=4)
    other = ppo.train(CartPole(), quick(steps=1024), seed=5)
    assert_same_model(one.policy, again.policy)
    same_rows(one.history, again.history)
    assert not np.array_equal(one.history["reward"], other.history["reward"])


def test_a_policy_can_be_saved_and_restored():
    policy = ppo.train(Pendulum(), quick(steps=512)).policy
    again = ppo.Policy(Pendulum(), (16,)).restore(policy.state())
    np.testing.assert_array_equal(policy.play(episodes=4).reward, again.play(episodes=4).reward)


@pytest.mark.parametrize("environment", [CartPole(), Pendulum()])
def test_resumed_training_equals_uninterrupted_training(environment, tmp_path):
    class Stop(reporting.Reporter):
        def epoch(self, history):
            if len(history) == 5:
                raise KeyboardInterrupt

    wanted = quick(steps=2048, scale_rewards=True)
    whole = ppo.train(environment, wanted, seed=6)
    file = tmp_path / "checkpoint.npz"
    arguments = {"checkpoint": file, "checkpoint_every": 2, "resume": True}
    with pytest.raises(KeyboardInterrupt):
        ppo.train(environment, wanted, 6, reporters=[Stop()], **arguments)
    assert len(read_arrays(file)["history"]) == 4
    again = ppo.train(environment, wanted, 6, **arguments)
    assert_same_model(whole.policy, again.policy)
    same_rows(whole.history, again.history)
    with refuses(f"{file}: state: belongs to a different training", CheckpointError):
        ppo.train(environment, wanted, 7, **arguments)
    arrays = read_arrays(file)
    for name, array in (
        ("slots.state", arrays["slots.state"][:-1]),
        ("slots.time", arrays["slots.time"].astype(np.float64)),
        ("discounted", arrays["discounted"] * np.nan),
        ("permutations", arrays["permutations"][np.newaxis]),
        ("history", arrays["history"]["update"]),
    ):
        write_arrays(file, {**arrays, name: array})
        with refuses(f"{file}: state: {name}: expected ", CheckpointError):
            ppo.train(environment, wanted, 6, **arguments)
    write_arrays(file, arrays)
    file.write_bytes(file.read_bytes()[:-1])
    with refuses(f"{file}: is damaged", CheckpointError):
        ppo.train(environment, wanted, 6, **arguments)
    with refuses("resume: needs a checkpoint"):
        ppo.train(environment, wanted, resume=True)


def test_an_interrupted_update_is_undone(monkeypatch):
    whole = ppo.train(CartPole(), quick(steps=1024), seed=8)
    learner = ppo.Learner(CartPole(), quick(steps=1024), seed=8)
    learner.update()
    clip = learner_module.clip_by_norm
    calls = []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return clip(*arguments)

    monkeypatch.setattr(learner_module, "clip_by_norm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learner.update()
    while len(learner.history) < learner.updates:
        learner.update()
    assert_same_model(whole.policy, learner.policy)
    same_rows(whole.history, learner.history)
    with refuses("update: all 4 that the settings ask for have been made"):
        learner.update()


def test_the_first_minibatch_is_of_the_policy_that_acted():
    """The policy has not changed before the first minibatch of an update."""
    row = ppo.train(CartPole(), quick(steps=256, epochs=1, minibatch_size=256)).history[0]
    assert row["approximate_kl"] == pytest.approx(0, abs=1e-6)
    assert row["clip_fraction"] == 0
    rows = ppo.train(CartPole(), quick(steps=1024, epochs=10, learning_rate=0.03)).history
    assert rows["clip_fraction"].max() > 0.05
    assert (np.diff(rows["episodes"]) > 0).all()
    assert rows["episodes"][-1] > 20


def test_entropy_is_rewarded():
    entropies = [
        ppo.train(Bandit(), quick(observations="raw", entropy_weight=weight)).history["entropy"][-1]
        for weight in (0.0, 10.0)
    ]
    assert entropies[0] < 0.7 < entropies[1]


def test_values_are_clipped():
    one, other = (ppo.train(Clock(), quick(steps=512, clip_values=clip, clip=0.01)) for clip in (False, True))
    assert one.history["value_loss"][-1] < other.history["value_loss"][-1]


def test_an_update_ends_at_the_target_kl():
    wanted = quick(steps=256, learning_rate=0.05, epochs=50)
    far = ppo.train(CartPole(), wanted).history[0]
    near = ppo.train(CartPole(), wanted.updated(target_kl=0.01)).history[0]
    assert near["approximate_kl"] < far["approximate_kl"]


def test_metrics_and_terminal(tmp_path, capsys):
    for _ in range(2):
        history = ppo.train(CartPole(), quick(steps=512), reporters=[reporting.Metrics(tmp_path)]).history
        with (tmp_path / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
    assert [int(row["steps"]) for row in rows] == history["steps"].tolist()
    assert float(rows[1]["entropy"]) == history["entropy"][1]
    ppo.train(CartPole(), quick(steps=512), reporters=[reporting.Progress()])
    assert "reward" in capsys.readouterr().out


def test_settings_are_those_of_the_environment():
    assert ppo.settings_for(CartPole()).gamma == 0.98
    assert ppo.settings_for(Bandit()) == ppo.Settings()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": 1.5}, "gamma: input should be less than or equal to 1, got 1.5"),
        ({"learning_rate": -1.0}, "learning_rate: input should be greater than 0, got -1.0"),
        ({"learning_rate": math.inf}, "learning_rate: "),
        ({"epochs": 0}, "epochs: "),
        ({"observations": "seen"}, "observations: "),
        ({"activation": "step"}, "activation 'step' has no derivative"),
        ({"steps": 100}, "steps: expected at least slots · rollout = 256, got 100"),
        ({"gama": 1.0}, "gama: there is no such field"),
    ],
)
def test_refuses_settings(change, message):
    with refuses(message):
        ppo.Learner(CartPole(), quick(**change))


@pytest.mark.filterwarnings("ignore:overflow")
def test_refuses_mistakes():
    with refuses("environment: expected one of evaluators.environments"):
        ppo.train("CartPole")
    with refuses("settings: expected ppo.Settings, got dict"):
        ppo.train(CartPole(), {"gamma": 1.0})
    with refuses("seed: expected an integer"):
        ppo.train(CartPole(), seed=-1)
    with refuses("Noise: an observation or a reward was not finite in update"):
        ppo.train(Noise(broken=1.0), QUICK)
    with refuses("Noise: an observation or a reward was not finite in episode"):
        ppo.Policy(Noise(broken=1.0)).play(episodes=2000)
    with refuses("Noise: IndexError: a mistake in step", RuntimeError):
        ppo.train(Noise(broken=2.0), QUICK)
    for arguments, message in (
        ({"deviation": 0.0}, "deviation: expected a finite number above 0, got 0.0"),
        ({"hidden": 8}, "hidden: expected sizes of layers"),
        ({"hidden": (8, 0)}, "hidden: expected an integer from 1 to"),
        ({"hidden": (), "activation": "step"}, "activation 'step' has no derivative"),
    ):
        with refuses(message):
            ppo.Policy(Aim(), **arguments)
    with refuses("episodes: "):
        ppo.Policy(CartPole()).play(episodes=0)
    with refuses("loss: "):
        wanted = quick(learning_rate=1e30, max_gradient_norm=1e30)
        ppo.train(Aim(goal=1e15), wanted)
