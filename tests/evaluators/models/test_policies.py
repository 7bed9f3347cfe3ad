"""Models of environments: they act as their evaluator lets genomes act."""

import json

import numpy as np
import pytest

import evaluators
import neat
from evaluators import Network, PerGenome, Rollout
from evaluators.environments import CartPole, Discrete, Pendulum
from evaluators.episodes.episodic_evaluator import TRIAL
from evaluators.gymnasium.evaluator import _draw_seeds
from tests.support.models import linear_genome
from tests.support.random_walks import Drift, Walk

gymnasium = pytest.importorskip("gymnasium")


def champion_of(evaluator, feed_forward=True):
    """A genome of the second generation, which an evaluator with statistics has then seen too."""
    genome = {"feed_forward": feed_forward, "weight": {"spread": 3.0}}
    population = neat.Population(neat.Config.for_task(evaluator, population_size=12, seed=3, genome=genome))
    population.tell(evaluator(population.ask()))
    return population.ask()[4]


def act_along(model, environment, states):
    """The model's actions in the states of an episode."""
    env = environment.to_gymnasium()
    model.reset()
    if environment.precision is np.float64:  # Gymnasium's observations would be rounded
        return np.array([model.act(state[:1]) for state in states])
    return np.array([model.act(env.reset(options={"state": state})[0]) for state in states])


CASES = {
    "argmax": (CartPole(), {}),
    "threshold": (Walk(), {"actions": "threshold"}),
    "continuous": (Drift(), {}),
    "normalised": (Pendulum(), {"observations": "normalised"}),
    "raw": (CartPole(), {"observations": "raw"}),
}


@pytest.mark.parametrize("feed_forward", [True, False], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("case", CASES)
def test_actions_are_those_of_the_episodes_bit_for_bit(case, feed_forward, tmp_path):
    environment, options = CASES[case]
    rollout = Rollout(environment, device="cpu", **options)
    champion = champion_of(rollout, feed_forward)
    rollout.model(champion).save(tmp_path / "model.json")
    model = evaluators.load(tmp_path / "model.json")
    trace = rollout.trace(champion)
    assert len(trace.action) > 3
    actions = act_along(model, environment, trace.state[:-1]).reshape(trace.action.shape)
    np.testing.assert_array_equal(actions, trace.action)


def test_a_model_plays_with_its_own_statistics(tmp_path):
    rollout = Rollout(Pendulum(time_limit=50), observations="normalised", device="cpu")
    champion = champion_of(rollout)
    rollout.model(champion).save(tmp_path / "model.json")
    expected = rollout.play(champion, episodes=7, trial=2)
    rollout(champion.genomes)  # changes the evaluator's statistics
    fresh = Rollout(Pendulum(time_limit=50), observations="normalised", device="cpu")
    model = evaluators.load(tmp_path / "model.json")
    for evaluator in (rollout, fresh):
        played = evaluator.play(model, episodes=7, trial=2)
        np.testing.assert_array_equal(played.reward, expected.reward)
        assert evaluator.trace(model, trial=2).reward.sum() == expected.reward[0, 0]
    with pytest.raises(
        ValueError, match=r"^Pendulum: observations are normalised .* this evaluator has seen none"
    ):
        fresh.model(champion)


def test_several_episodes_side_by_side():
    rollout = Rollout(CartPole(), device="cpu")
    model = rollout.model(champion_of(rollout, feed_forward=False))
    observations = np.random.default_rng(0).normal(size=(6, 5, 4))
    together = []
    for observation in observations:
        together.append(model.act(observation))
    with pytest.raises(
        ValueError, match=r"^x: expected 5 samples, as in the step before, got 1; reset\(\) first"
    ):
        model.act(observations[0, 0])
    for episode in range(5):
        model.reset()
        alone = [model.act(observation[episode]) for observation in observations]
        assert alone == [int(step[episode]) for step in together]
        assert isinstance(alone[0], np.integer)


@pytest.mark.parametrize("decision", ["argmax", "threshold"])
def test_gymnasium(decision, tmp_path):
    with evaluators.Gymnasium("CartPole-v1", actions=decision, time_limit=40, slots=2) as evaluator:
        champion = champion_of(evaluator)
        evaluator.model(champion).save(tmp_path / "model.json")
        model = evaluators.load(tmp_path / "model.json")
        env = gymnasium.make("CartPole-v1")
        rewards = []
        seeds = np.empty((1, 3), np.int64)
        _draw_seeds(np.uint64(0), 0, True, TRIAL, 0, seeds)
        for seed in seeds[0].tolist():
            observation, _ = env.reset(seed=seed)
            rewards.append(0.0)
            ended = False
            while not ended and rewards[-1] < 40:
                action = model.act(observation)
                assert env.action_space.contains(action)
                observation, reward, ended, _, _ = env.step(action)
                rewards[-1] += reward
        for player in (model, champion):
            np.testing.assert_array_equal(evaluator.play(player, episodes=3).reward, [rewards])
        with (
            evaluators.Gymnasium("CartPole-v1", observations="raw") as other,
            pytest.raises(ValueError, match=r"^model: its (inputs|outputs) differ from those of CartPole-v1"),
        ):
            other.play(model)


@pytest.mark.parametrize(
    ("part", "name", "value", "message"),
    [
        ("inputs", "factor", [1, 1, 1], r"inputs.factor: expected 4 numbers, one for each input, got 3$"),
        (
            "inputs",
            "factor",
            [1, 1, 1, 1e39],
            r"factor.3: input should be less than or equal to \d+, got 1e\+39$",
        ),
        ("inputs", "limit", 0, r"inputs.observations.limit: input should be greater than 0, got 0$"),
        ("outputs", "counts", [3], r"outputs.counts: expected 3 outputs, got 2$"),
        ("outputs", "counts", [1, 1], r"outputs.choices.starts: expected 2 integers, as counts has, got 1$"),
        (
            "outputs",
            "shape",
            [2],
            r"outputs.choices.counts: expected 2 integers, as shape \(2,\) has, got 1$",
        ),
        ("outputs", "dtype", "object", r"outputs.choices.dtype: input should be 'int8', .*, got 'object'$"),
        ("outputs", "decision", "code", r"outputs.choices.decision: input should be 'argmax' or 'threshold'"),
    ],
)
def test_damaged_files(part, name, value, message, tmp_path):
    file = tmp_path / "model.json"
    rollout = Rollout(CartPole(), device="cpu")
    rollout.model(linear_genome(np.ones((2, 4)), [0.0, 0.0])).save(file)
    content = json.loads(file.read_text("utf-8"))
    content[part][name] = value
    file.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ValueError, match=rf"^{file}: .*{message}"):
        evaluators.load(file)


def test_per_genome():
    genome = linear_genome([[1.0, 2.0], [0.5, 0.0]], [0.1, 0.0])
    evaluator = PerGenome(lambda network: float(network.activate([1, 2])[0]))
    model = evaluator.model(genome)
    network = Network(evaluators.compile(genome))
    np.testing.assert_array_equal(model.act([3, 4]), network.activate([3, 4]))
    np.testing.assert_array_equal(
        model.predict([[3, 4], [1, 2]]), [network.activate(x) for x in ([3, 4], [1, 2])]
    )
    recurrent = evaluator.model(neat.Genome.from_dict(genome.to_dict() | {"feed_forward": False}))
    with pytest.raises(
        ValueError, match=r"^model: is recurrent, and the number of steps .* is unknown; use act$"
    ):
        recurrent.predict([[3, 4]])


def test_the_number_of_actions_can_be_an_integer_of_numpy(monkeypatch):
    monkeypatch.setattr(CartPole, "actions", Discrete(np.int64(2)))
    model = Rollout(CartPole(), device="cpu").model(linear_genome(np.eye(2, 4), [0.0, 0.0]))
    assert model.act([0, 1, 0, 0]) == 1


def test_mistakes():
    rollout = Rollout(CartPole(), device="cpu")
    model = rollout.model(champion_of(rollout))
    with pytest.raises(
        ValueError, match=r"^observation: expected shape \(4,\) or \(observations, 4\), got \(3,\)$"
    ):
        model.act([1, 2, 3])
    with pytest.raises(
        ValueError, match=r"^observation: expected finite float64 numbers, got nan at \(0, 1\)$"
    ):
        model.act([1, np.nan, 3, 4])
    with pytest.raises(ValueError, match=r"^model: acts in an environment; use act$"):
        model.predict(np.zeros((1, 4)))
    with pytest.raises(ValueError, match=r"^genomes: expected 4 inputs, as CartPole observes, got 2$"):
        rollout.model(linear_genome([1.0, 2.0], 0.0))
    with pytest.raises(ValueError, match=r"^champion: expected neat.Genome, got Genomes$"):
        rollout.model(model.genome.genomes)
    with pytest.raises(
        ValueError, match=r"^model: its outputs differ from those of Pendulum: expected Continuous"
    ):
        Rollout(Pendulum(), device="cpu").play(model)
    data_set = evaluators.Supervised(np.zeros((2, 4)), [[0, 1], [1, 0]])
    predictor = data_set.model(linear_genome(np.eye(2, 4), [0.0, 0.0]))
    with pytest.raises(ValueError, match=r"^model: predicts and does not act; use predict$"):
        predictor.act([1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"^model: its outputs differ from those of CartPole"):
        rollout.play(predictor)
