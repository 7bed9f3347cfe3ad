"""Rollouts compared with plain Python, fresh episodes, observations, and runs that go on."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evaluators
import neat
from evaluators import Network, Rollout
from evaluators.environments import CartPole
from evaluators.environments.random_numbers import EPISODES
from neat.io import checkpoint
from neat.kernels import rng
from neat.kernels.jit import function, inner_function
from tests.support.random_walks import Drift, Walk


def uniforms(seed, generation, individual, stream, time):
    """The sixteen numbers of a call of an environment's function, from the generator itself."""
    words = [rng.block(np.uint64(seed), generation, individual, stream, 16 * time + k) for k in range(4)]
    return [float(rng.to_uniform(np.uint64(word))) for block in words for word in block]


def walk_by_hand(environment, network, seed, generation, individual, stream, choose):
    """An episode in plain Python; the sum of its rewards, its length, whether it was terminated."""
    position = np.float32(uniforms(seed, generation, individual, stream, 0)[0]) - np.float32(0.5)
    total = 0.0
    for time in range(environment.time_limit):
        outputs = network.activate([(position - 1.0) / 2.0])
        u = uniforms(seed, generation, individual, stream, time + 1)
        position = position + environment.gust * (u[5] - 0.5) + environment.push * choose(outputs)
        total += 1 - abs(position)
        if abs(position) > environment.edge:
            return total, time + 1, True
    return total, environment.time_limit, False


def population(rollout, size=12, seed=5, generations=3, **settings):
    config = neat.Config.for_task(rollout, population_size=size, seed=seed, **settings)
    population = neat.Population(config)
    for _ in range(generations):
        population.tell(rollout(population.ask()))
    return population


CHOICES = {
    "argmax": (Walk(), lambda z: int(np.argmax(z)) - 1),
    "threshold": (Walk(), lambda z: min(int(3 * z[0]), 2) - 1),
    "scaled": (Drift(), lambda z: (-1 + z[0]) + 3 * z[1]),
}


@pytest.mark.parametrize("feed_forward", [True, False], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("decision", CHOICES)
@pytest.mark.parametrize(("starts", "episodes"), [("generation", 1), ("generation", 5), ("genome", 19)])
def test_against_plain_python(decision, feed_forward, episodes, starts):
    environment, choose = CHOICES[decision]
    actions = "threshold" if decision == "threshold" else "argmax"
    rollout = Rollout(environment, episodes=episodes, starts=starts, actions=actions)
    evolved = population(
        rollout, seed=6, genome={"feed_forward": feed_forward}, mutation={"add_node_rate": 0.5}
    )
    genomes = evolved.ask()
    fitness = rollout(genomes)
    straddled = 0
    for index, genome in enumerate(genomes):
        network = Network(evaluators.compile(genome))
        individual = 0 if starts == "generation" else index + 1
        for episode in range(episodes):
            network.reset()
            stream = rng.EVALUATION + EPISODES * episode
            expected = walk_by_hand(environment, network, 6, 3, individual, stream, choose)
            got = [float(column[index, episode]) for column in rollout.last]
            if got[1:] != list(expected[1:]) or abs(got[0] - expected[0]) > 1e-3:
                straddled += 1  # an output so near a threshold that rounding decides
    assert straddled <= 0.01 * len(genomes) * episodes
    np.testing.assert_allclose(fitness, rollout.last.reward.mean(axis=1), rtol=1e-13)
    assert rollout.last.length.min() < environment.time_limit == rollout.last.length.max()
    assert (rollout.last.terminated == (rollout.last.length < environment.time_limit)).mean() > 0.9


def test_combining():
    genomes = population(Rollout(Walk())).ask()
    rewards = {}
    for combine in ("mean", "min", "sum"):
        rollout = Rollout(Walk(), episodes=4, combine=combine)
        rewards[combine] = rollout(genomes)
        assert np.allclose(rewards[combine], getattr(rollout.last.reward, combine)(axis=1))
    assert (rewards["min"] < rewards["mean"]).all()


def test_generations_meet_other_starts_and_a_repetition_the_same():
    rollout = Rollout(Walk(), episodes=3)
    evolved = population(rollout, generations=0)
    genomes = evolved.ask().take(range(len(evolved.ask())))
    first = rollout(genomes)
    assert np.array_equal(rollout(genomes), first)
    genomes.generation = 1
    assert not np.array_equal(rollout(genomes), first)
    genomes.generation, genomes.seed = 0, 6
    assert not np.array_equal(rollout(genomes), first)


def test_common_starts_are_common():
    still = dataclasses.replace(Walk(), push=0.0)
    common, own = Rollout(still, episodes=4), Rollout(still, episodes=4, starts="genome")
    genomes = population(common).ask()
    common(genomes), own(genomes)
    assert (common.last.reward == common.last.reward[0]).all()
    assert len(np.unique(own.last.reward)) == own.last.reward.size


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 40), st.integers(0, 2**63 - 1), st.booleans(), st.sampled_from(["generation", "genome"])
)
def test_an_episode_does_not_depend_on_those_beside_it(episodes, seed, feed_forward, starts):
    rollout = Rollout(Walk(), episodes=40, starts=starts)
    genomes = population(
        rollout, size=4, seed=seed, generations=1, genome={"feed_forward": feed_forward}
    ).ask()
    rollout(genomes)
    few = Rollout(Walk(), episodes=episodes, starts=starts)
    few(genomes)
    assert np.allclose(few.last.reward, rollout.last.reward[:, :episodes], atol=1e-4)
    assert np.array_equal(few.last.length, rollout.last.length[:, :episodes])


def test_threads_do_not_matter(set_threads):
    rollout = Rollout(CartPole(), episodes=3)
    genomes = population(rollout, size=300).ask()
    results = []
    for threads in (1, 2, 5):
        set_threads(threads)
        results.append(rollout(genomes))
    assert all(np.array_equal(result, results[0]) for result in results)


# ---------------------------------------------------------------- fresh episodes


def test_fresh_episodes():
    rollout = Rollout(Walk(), episodes=8)
    genomes = population(rollout).ask()
    rollout(genomes)
    seen = set(rollout.last.reward.ravel())
    trials = [rollout.play(genomes, 50, trial) for trial in (0, 1, 0)]
    assert trials[0].reward.shape == (12, 50)
    assert not seen & set(trials[0].reward.ravel())
    assert not set(trials[0].reward.ravel()) & set(trials[1].reward.ravel())
    assert np.array_equal(trials[0].reward, trials[2].reward)
    later = genomes.take(np.arange(12))
    later.generation += 7
    assert np.array_equal(rollout.play(later, 50).reward, trials[0].reward)
    assert np.array_equal(rollout.play(genomes[3], 50).reward[0], trials[0].reward[3])
    assert rollout.validate(genomes).shape == (12,)


def test_given_states():
    rollout = Rollout(CartPole())
    genomes = population(rollout).ask()
    states = np.array([[0.0, 0.0, 0.2, 2.0], [2.39, 5.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    played = rollout.play(genomes, states=states)
    assert played.length.shape == (12, 3)
    assert (played.length[:, :2] == 1).all() and (played.length[:, 2] > 5).all()
    only_position = rollout.play(genomes, states=[[2.41]])
    assert (only_position.length == 1).all()
    for wrong in (np.zeros(4), np.zeros((2, 5)), np.zeros((0, 4)), [["a"]], [[np.nan]]):
        with pytest.raises(ValueError, match=r"states: expected"):
            rollout.play(genomes, states=wrong)


@pytest.mark.parametrize("environment", [Walk(), Drift(), CartPole()], ids=lambda e: e.name)
def test_trace(environment):
    rollout = Rollout(environment)
    genome = population(rollout).ask()[0]
    played = rollout.play(genome, 3, trial=4)
    trace = rollout.trace(genome, trial=4)
    steps = int(played.length[0, 0])
    assert trace.state.shape == (steps + 1, len(environment.state_names))
    assert trace.action.shape == (steps, 2 if environment.name == "Drift" else 1)
    assert trace.reward.sum() == pytest.approx(played.reward[0, 0], abs=1e-4)
    assert trace.terminated == played.terminated[0, 0]
    step = function(type(environment).step)
    for time in range(0, steps, 7):  # each state follows from the one before
        if environment.name != "CartPole":
            assert abs(trace.state[time + 1, 0] - trace.state[time, 0]) <= 0.5
            continue
        state = trace.state[time].astype(np.float32)
        step(state, np.int64(trace.action[time, 0]), environment.constants, (np.uint64(0),) * 5)
        assert np.allclose(state, trace.state[time + 1], atol=1e-6)


# ---------------------------------------------------------------- observations


def test_observations_are_scaled_by_the_bounds():
    """A network that shows its input: the walk's bounds -1 and 3 become -1 and 1."""
    seen = {}
    for kind in ("scaled", "raw"):
        rollout = Rollout(Drift(gust=0.0, push=1.0, edge=50.0, time_limit=1), observations=kind)
        genome = neat.Genome.from_dict({
            "num_inputs": 1,
            "num_outputs": 2,
            "nodes": [
                {"id": k, "bias": 0.0, "response": 1.0, "activation": name, "aggregation": "sum"}
                for k, name in ((1, "identity"), (2, "step"))
            ],
            "connections": [{"innovation": 0, "source": 0, "target": 1, "weight": 1.0, "enabled": True}],
        })  # fmt: skip
        states = np.array([[0.0], [0.5], [-0.25], [1.0]])
        rewards = rollout.play(genome, states=states).reward[0]
        seen[kind] = states[:, 0], 1 - rewards
    start, end = seen["scaled"]
    assert np.allclose(end, abs(start - 1 + (1 + np.clip((start - 1) / 2, -1, 1)) / 2), atol=1e-6)
    start, end = seen["raw"]
    assert np.allclose(end, abs(start - 1 + (1 + np.clip(start, -1, 1)) / 2), atol=1e-6)


def test_running_normalisation():
    """The mean and the deviation of all positions seen, from traces of the same episodes."""
    still = dataclasses.replace(Walk(), push=0.0, edge=100.0)
    rollout = Rollout(still, episodes=6, observations="normalised")
    genomes = population(Rollout(still), size=3).ask().take(range(3))
    positions = []
    for generation in range(4):
        genomes.generation = generation
        rollout(genomes)
        for episode in range(6):
            stream = rng.EVALUATION + EPISODES * episode
            position = uniforms(5, generation, 0, stream, 0)[0] - 0.5
            for time in range(60):
                positions += [position] * 3
                position += 0.2 * (uniforms(5, generation, 0, stream, time + 1)[5] - 0.5)
        state = rollout.state()
        assert int(state["count"]) == len(positions)
        assert state["mean"][0] == pytest.approx(np.mean(positions), abs=1e-5)
        assert np.sqrt(state["squares"][0] / state["count"]) == pytest.approx(np.std(positions), rel=1e-4)
    fresh = Rollout(still, episodes=6, observations="normalised")
    fresh.restore(rollout.state())
    assert np.array_equal(fresh(genomes), rollout(genomes))


def test_a_resumed_run_is_the_same(tmp_path):
    def run(generations, population=None):
        rollout = Rollout(Walk(), episodes=3, observations="normalised")
        if population is None:
            population = neat.Population(neat.Config.for_task(rollout, population_size=30, seed=1))
        result = population.run(rollout, generations, checkpoint=tmp_path / "c.npz", checkpoint_every=1)
        return rollout, result

    whole, expected = run(9)
    run(4)
    resumed, result = run(9, checkpoint.load(tmp_path / "c.npz"))
    assert result.champion == expected.champion and result.champion_fitness == expected.champion_fitness
    assert np.array_equal(result.history.generations, expected.history.generations)
    assert resumed.steps == whole.steps > 0
    assert all(np.array_equal(whole.state()[name], array) for name, array in resumed.state().items())


# ---------------------------------------------------------------- luck


def test_the_champion_is_chosen_by_fresh_episodes():
    """Fitness is luck but for one genome in the middle of the run."""
    luck = np.random.default_rng(0)

    class Noisy:
        num_inputs, num_outputs = 1, 1

        def __call__(self, genomes):
            fitness = luck.normal(0, 100, len(genomes))
            if genomes.generation == 3:
                fitness[7] = 500.0
                self.good = genomes[7]
            return fitness + 1000 * (genomes.generation == 4)

        def validate(self, genomes):
            return np.array([float(genome == self.good) for genome in genomes])

    noisy = Noisy()
    population = neat.Population(neat.Config.for_task(noisy, population_size=20))
    result = population.run(noisy, generations=12)
    assert result.champion == noisy.good and result.champion_fitness == 1.0
    assert population.best != noisy.good
    assert len(population.candidates.genomes) == 10


# ---------------------------------------------------------------- one evaluator over several calls of `run`


def test_a_run_in_parts_with_checkpoints_is_one_run(tmp_path):
    """The evaluator goes on as it is: what an earlier checkpoint kept of it is not put back."""

    def evolve(*generations):
        rollout = Rollout(Walk(), episodes=3, observations="normalised")
        population = neat.Population(neat.Config.for_task(rollout, population_size=30, seed=1))
        for last in generations:
            checkpoint_file = tmp_path / "c.npz" if last == 2 else None
            result = population.run(rollout, last, checkpoint=checkpoint_file)
        return rollout.state(), result.history.generations

    (state, history), (state_in_parts, history_in_parts) = evolve(6), evolve(2, 4, 6)
    assert np.array_equal(history, history_in_parts)
    assert all(np.array_equal(state[name], state_in_parts[name]) for name in state)


def test_another_evaluator_cannot_take_over_a_checkpoint(tmp_path):
    file = tmp_path / "c.npz"
    rollout = Rollout(Walk())
    neat.Population(neat.Config.for_task(rollout, population_size=10)).run(rollout, 1, checkpoint=file)
    with pytest.raises(
        ValueError,
        match=r"state: expected environment, steps, count, mean, squares, got environment, steps$",
    ):
        checkpoint.load(file).run(Rollout(Walk(), observations="normalised"), 2)
    with pytest.raises(ValueError, match="evaluator: the checkpoint has the state of an evaluator"):
        checkpoint.load(file).run(lambda genomes: np.zeros(len(genomes)), 2)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "environment",
            lambda a: np.array("Other"),
            r"environment: the checkpoint's is Other, this one is Walk\(",
        ),
        ("steps", lambda a: -a - 1, "state: steps: expected an integer from 0"),
        ("steps", lambda a: a.astype(float), "state: steps: expected int64"),
        ("steps", lambda a: a[np.newaxis], "state: steps: expected int64"),
        ("count", lambda a: -a - 1, "state: count: expected an integer from 0"),
        ("mean", lambda a: a[:-1], "state: mean: expected float64"),
        ("mean", lambda a: a * np.nan, "state: mean: expected finite numbers"),
        ("mean", lambda a: a + 1e300, "state: mean: expected numbers that float32 can hold, got "),
        ("squares", lambda a: -a - 1.0, "state: squares: expected sums of squares, got "),
        ("squares", lambda a: a.astype(np.float32), "state: squares: expected float64"),
        ("squares", None, "state: expected environment, steps, count, mean, squares, got "),
        ("more", lambda a: np.zeros(3), "state: expected environment, steps, count, mean, squares, got "),
    ],
)
def test_a_state_made_by_hand_is_refused_and_changes_nothing(name, change, message):
    rollout = Rollout(Walk(), observations="normalised")
    rollout(population(rollout).ask())
    before = {key: array.copy() for key, array in rollout.state().items()}
    changed = {key: array for key, array in before.items() if key != name}
    if change is not None:
        changed[name] = change(before.get(name))
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        rollout.restore(changed)
    assert "\n" not in str(caught.value)
    assert all(np.array_equal(rollout.state()[key], array) for key, array in before.items())


def test_a_champion_from_plain_data_repeats_its_episodes():
    rollout = Rollout(Walk())
    genome = population(rollout, seed=7).ask()[2]
    again = neat.Genome.from_dict(genome.to_dict())
    assert again.genomes.seed != genome.genomes.seed
    assert np.array_equal(rollout.play(genome, 20).reward, rollout.play(again, 20).reward)


def test_the_sum_is_of_as_many_episodes_as_in_training():
    """Or the champion's fitness could not be compared with those of its run."""
    genomes = population(Rollout(Walk())).ask()
    summed, mean = Rollout(Walk(), episodes=3, combine="sum"), Rollout(Walk(), episodes=3)
    assert np.allclose(summed.validate(genomes), 3 * mean.validate(genomes))
    assert np.allclose(summed(genomes), summed.last.reward.sum(axis=1))


def test_a_function_may_be_jitted_already():
    step = staticmethod(inner_function(Walk.step))
    jitted = type("Jitted", (Walk,), {"__module__": __name__, "step": step})()
    genomes = population(Rollout(Walk())).ask()
    assert np.array_equal(Rollout(jitted)(genomes), Rollout(Walk())(genomes))


@pytest.mark.parametrize("combine", ["min", "mean", "sum"])
def test_fitness_is_the_callers(combine):
    evaluator = Rollout(CartPole(time_limit=10), episodes=1, combine=combine)
    fitness = evaluator(population(evaluator, 3).genomes)
    kept = evaluator.last.reward.copy()
    fitness -= 100
    np.testing.assert_array_equal(evaluator.last.reward, kept)
