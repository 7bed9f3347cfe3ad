"""What each method of a comparison does, learns from, and counts as work."""

import itertools

import numpy as np
import pytest

from evaluators import Rollout, gradient
from evaluators.gradient.ppo.policy import Policy
from experiments.comparison import evolving, methods
from experiments.comparison.meter import PricedMeter
from experiments.tasks import control
from experiments.tasks.parity import Parity
from experiments.tasks.prediction import accuracy, share_correct
from neat import Config, Population
from tests.support.comparison import PRICES


def outcome_of(task, name, budget, seed=0):
    method = methods.make_methods(task)[name]
    meter = PricedMeter(budget, PRICES)
    method.run(next(method.combinations), seed, meter)
    return meter.outcome


@pytest.mark.parametrize("task", methods.TASKS)
def test_every_task_can_be_run(task):
    for name in methods.make_methods(task):
        outcome = outcome_of(task, name, 1e-9)
        assert outcome.parameters > 0, name
        assert np.isfinite(outcome.end.score), name
        assert len(outcome.curve) == 1, name


def test_each_method_is_tuned_with_the_same_number_of_settings():
    for task in methods.TASKS:
        for name, method in methods.make_methods(task).items():
            assert len(list(method.combinations)) == 8, (task, name)
            for values in method.choices.values():
                assert len(set(values)) == len(values), (task, name)


def test_the_work_is_counted():
    mlp = outcome_of("parity", "MLP", 10 * 5e-4)
    assert mlp.end.work == pytest.approx(10 * 5e-4)
    assert mlp.parameters == 4 * 32 + 32 + 32 * 32 + 32 + 32 + 1
    assert outcome_of("parity", "NEAT", 0.0035).end.work == pytest.approx(0.003)
    assert outcome_of("parity", "generation 0 learns", 0.0061).end.work == pytest.approx(0.006)
    policy = outcome_of("cartpole", "PPO", 0.35)
    assert policy.end.work == pytest.approx(0.3)
    assert policy.parameters == 4 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2


def test_all_epochs_count_even_if_not_all_are_scored():
    outcome = outcome_of("xor", "MLP", 0.1)
    assert outcome.end.work == pytest.approx(200 * 5e-4)
    assert [point.work for point in outcome.curve] == pytest.approx(5e-4 * np.arange(4, 204, 4))


def test_nothing_but_the_training_part_is_learnt_from(monkeypatch):
    experiment = methods.TASKS["iris"].experiment(3)
    sets = experiment.sets()
    seen = {}

    def spied_fit(model, data, *arguments, **options):
        seen["network"] = data
        assert not (model.state()["layers.1.weight"] == seeded.state()["layers.1.weight"]).all()
        return fit(model, data, *arguments, **options)

    seeded = methods.TASKS["iris"].baselines["MLP"].model(4, 3).initialise(0)
    fit = gradient.fit
    monkeypatch.setattr(gradient, "fit", spied_fit)
    scored = []
    monkeypatch.setattr(type(experiment), "score", lambda self, z, t: scored.append(t) or accuracy(z, t))
    for name in methods.make_methods("iris"):
        scored.clear()
        outcome_of("iris", name, 0.005, seed=3)
        assert scored, name
        for targets in scored:
            np.testing.assert_array_equal(targets, sets.targets[sets.test], err_msg=name)
    inputs, targets = seen["network"]
    np.testing.assert_array_equal(inputs, sets.inputs[sets.train])
    np.testing.assert_array_equal(targets, sets.targets[sets.train])
    np.testing.assert_array_equal(experiment.evaluator("cpu").inputs, sets.inputs[sets.train])


def test_policies_and_champions_are_judged_alike(monkeypatch):
    played = {"PPO": [], "NEAT": []}
    for name, cls in (("PPO", Policy), ("NEAT", Rollout)):
        original = cls.play

        def spied(self, *arguments, _name=name, _original=original, **options):
            played[_name].append((arguments[-1], options))
            return _original(self, *arguments, **options)

        monkeypatch.setattr(cls, "play", spied)
    for name in played:
        outcome_of("mountain-car-continuous", name, 0.1)
        scores = [call for call in played[name] if call[1] == {"trial": control.REPORT_TRIAL}]
        assert scores and all(call[0] == control.UNSEEN_STARTS for call in scores), name
        # Other episodes decide whether a run ends.
        assert all(call[1]["trial"] in (control.REPORT_TRIAL, control.STOP_TRIAL) for call in played[name])


def test_the_episodes_that_choose_a_champion_are_work():
    task = methods.TASKS["cartpole"].experiment(0)
    scorer = evolving.EpisodeScorer(task)
    genomes = Population(Config.for_task(scorer.evaluator, population_size=20, seed=1)).ask()
    scored = scorer(genomes)
    champion = genomes[int(np.argmax(scored.fitness))]
    fresh = scorer.evaluator.play(champion, control.UNSEEN_STARTS, trial=control.STOP_TRIAL)
    assert scored.counts["environment step"] == scorer.evaluator.steps + fresh.length.sum()
    assert scored.counts["gene"] == 20 * (2 + 8)
    reward = scorer.evaluator.play(champion, control.UNSEEN_STARTS, trial=control.REPORT_TRIAL).reward
    assert scored.network.score() == reward.mean()


def test_a_champion_is_kept_until_a_better_one_comes():
    scorer = evolving.DataScorer(methods.TASKS["iris"].experiment(0))
    genomes = Population(Config.for_task(scorer.evaluator, population_size=20, seed=1)).ask()
    order = np.argsort(scorer.evaluator(genomes))
    assert scorer(genomes.take(order[5:10])).network is not None
    assert scorer(genomes.take(order[:5])).network is None
    assert scorer(genomes.take(order[10:])).network is not None


@pytest.fixture
def random_generations(monkeypatch):
    """The first generations of a random search."""
    seen = []

    class Keeping(evolving.DataScorer):
        def __call__(self, genomes):
            seen.append(genomes.take(np.arange(len(genomes))))
            return super().__call__(genomes)

    task = Parity(bits=6)
    scorer = Keeping(task)
    settings = {**evolving.random_settings(2.0), "population_size": 200, "seed": 4}
    settings["genome"] = {**settings["genome"], "output_activation": "sigmoid"}
    meter = PricedMeter(39.5, {"generation": 1.0, "gene": 0.0})
    method = methods.Method({}, (), lambda *_: evolving.search(scorer, config, 30, meter))
    config = Config.for_task(scorer.evaluator, **settings)
    method.run({}, 3, meter)
    return seen[:39]


def test_random_search_draws_all_numbers_anew(random_generations):
    for earlier, later in itertools.pairwise(random_generations):
        for name in ("connection_weight", "node_bias"):
            old, new = getattr(earlier.arrays, name), getattr(later.arrays, name)
            assert set(np.intersect1d(old, new)) <= {1.0}  # the weight of a link to a new node
            assert abs(new.mean()) < 6 * 2.0 / len(new) ** 0.5
            assert abs(new.std() - 2.0) < 6 * 2.0 / (2 * len(new)) ** 0.5


def test_random_search_selects_nothing_and_begins_again(random_generations):
    evaluator = Parity(bits=6).evaluator("cpu")
    nodes = [len(genomes.arrays.node_id) / len(genomes) for genomes in random_generations]
    assert nodes[0] == nodes[30] == 1.0
    # Each child has a hidden node more than its parents with a probability of 0.05.
    assert 1.5 < nodes[29] < 4.5
    fitness = [evaluator(genomes).mean() for genomes in random_generations]
    assert abs(np.mean(fitness[:10]) - np.mean(fitness[20:30])) < 0.02


def test_learning_alone_leaves_the_structure_of_generation_0():
    outcome = outcome_of("digits", "generation 0 learns", 0.005)
    assert outcome.parameters == 64 * 10 + 10
    first = outcome.curve[0].score
    assert first > 0.5  # NEAT without gradients has 0.1 to 0.3 in its first generations
    assert outcome_of("digits", "NEAT", 0.005).end.score < first
    assert outcome_of("xor", "generation 0 learns", 0.1).end.score <= 0.75  # no line solves it


@pytest.mark.parametrize("task", ["spirals", "regression"])
def test_a_seed_divides_the_data(task):
    one, other = (methods.TASKS[task].experiment(seed).sets() for seed in (0, 1))
    assert not np.array_equal(one.test, other.test)
    for sets in (one, other):
        assert len(np.intersect1d(sets.train, sets.test)) == 0
        assert len(sets.train) + len(sets.test) == len(sets.inputs)


def test_digits_are_divided_by_class():
    sets = methods.TASKS["digits"].experiment(0).sets()
    assert sets.inputs.shape == (1797, 64) and sets.targets.shape == (1797, 10)
    share = sets.targets[sets.test].mean(axis=0) / sets.targets.mean(axis=0)
    np.testing.assert_allclose(share, 1.0, atol=0.02)


def test_scores():
    outputs = np.array([[0.9, 0.2], [0.1, 0.3], [0.6, 0.7]])
    assert accuracy(outputs, np.array([[1, 0], [1, 0], [0, 1]])) == pytest.approx(2 / 3)
    assert share_correct(np.array([[0.6], [0.4], [0.5]]), np.array([[1], [0], [1]])) == pytest.approx(2 / 3)
