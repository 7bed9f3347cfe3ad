"""Weights learned within evolution: their bounds, and champions that keep them."""

import numpy as np
import pytest
import scipy.optimize

import evaluators
import neat
from evaluators.gradient import fit_weights, optim
from evaluators.gradient.evolved import Trainer
from neat.genome.genome import Genomes
from tests.support.evolved_networks import CURVE, adam, one_hidden_node


def narrow_bounds_config(seed, **options):
    """Make a run whose weights, biases and responses would soon leave their bounds."""
    evaluator = evaluators.Supervised(CURVE, 20 * np.sin(3 * CURVE), device="cpu", **options)
    genome = {
        "activation": "tanh",
        "output_activation": "identity",
        "weight": {"minimum": -0.5, "maximum": 0.7},
        "bias": {"minimum": -0.1, "maximum": 0.2},
    }
    config = neat.Config.for_task(evaluator, population_size=30, seed=seed, genome=genome)
    return evaluator, neat.Population(config)


BOUNDED = {"connection_weight": (-0.5, 0.7), "node_bias": (-0.1, 0.2)}


def is_within_bounds(genomes):
    return all(
        (
            (getattr(genomes.arrays, name) >= np.float32(low))
            & (getattr(genomes.arrays, name) <= np.float32(high))
        ).all()
        for name, (low, high) in BOUNDED.items()
    )


@pytest.mark.parametrize("inherit", [True, False])
@pytest.mark.parametrize("rate", [0.3, 1e6])
def test_learned_weights_keep_the_bounds(inherit, rate):
    """The fitness must be that of the weights within the bounds."""
    evaluator, population = narrow_bounds_config(
        1, learn_steps=10, inherit=inherit, optimiser=lambda parameters: optim.Adam(parameters, rate)
    )
    alone = evaluators.Supervised(evaluator.inputs, evaluator.targets, device="cpu")
    for last in range(1, 6):
        genomes = population.genomes
        result = population.run(evaluator, last)
        assert is_within_bounds(evaluator.learned) and is_within_bounds(population.genomes)
        assert is_within_bounds(result.champion.genomes)
        assert is_within_bounds(genomes)
        np.testing.assert_allclose(
            alone(evaluator.learned).max(), population.history.generations["best"][-1], 1e-5
        )
        np.testing.assert_allclose(alone(result.champion.genomes)[0], result.champion_fitness, 1e-5)
    for name, bounds in BOUNDED.items():
        assert np.isin(np.float32(bounds), getattr(evaluator.learned.arrays, name)).any(), (
            "nothing came to its bound"
        )


def test_training_outside_a_population_has_no_bounds():
    data = one_hidden_node("identity", "sum")
    learned = fit_weights(
        Genomes.from_list([data]), [[1.0, 1.0, 1.0]], [1e6], lambda p: optim.Adam(p, 9.0), 200
    )
    assert np.abs(learned.genomes.arrays.connection_weight).max() > 30


def test_baldwins_champion_has_its_learned_weights_and_offspring_do_not(tmp_path):
    """The champion has them in the result, in `best`, as the solution, and in a checkpoint."""
    evaluator, population = narrow_bounds_config(2, learn_steps=20, inherit=False, polish_champion=False)
    alone = evaluators.Supervised(evaluator.inputs, evaluator.targets, device="cpu")
    file = tmp_path / "c.npz"
    result = population.run(evaluator, 4, checkpoint=file)
    again = neat.checkpoint.load(file)
    assert again.best == population.best == result.champion
    for champion in (result.champion, again.best):
        np.testing.assert_allclose(alone(champion.genomes)[0], result.champion_fitness, 1e-5)
    untrained = population.genomes.take(np.arange(30))
    evaluator(population.genomes)
    assert (untrained.arrays.connection_weight == population.genomes.arrays.connection_weight).all()
    solved = population.run(evaluator, 9, fitness_target=result.champion_fitness - 1)
    assert solved.solved and population.solution.genome == solved.champion
    np.testing.assert_allclose(alone(solved.champion.genomes)[0], solved.champion_fitness, 1e-5)

    evaluator, _ = narrow_bounds_config(2, learn_steps=0)
    plain = neat.Population(population.config)
    for _ in range(2):  # the same fitness, without learned weights
        plain.tell(-np.arange(30.0))
    told = neat.Population(population.config)
    for _ in range(2):
        learned = fit_weights(told.genomes, evaluator.inputs, evaluator.targets, adam, 3)
        told.tell(-np.arange(30.0), learned.genomes, inherit=False)
    assert told.genomes.arrays.connection_weight.tobytes() == plain.genomes.arrays.connection_weight.tobytes()
    assert told.best != plain.best


def test_the_champion_of_fresh_trials_has_its_learned_weights():
    class Lucky(evaluators.Supervised):
        def validate(self, genomes):
            return scorer(genomes)

    scorer = evaluators.Supervised(CURVE, np.sin(3 * CURVE), device="cpu")
    evaluator = Lucky(
        CURVE, np.sin(3 * CURVE), device="cpu", learn_steps=10, inherit=False, polish_champion=False
    )
    population = neat.Population(neat.Config.for_task(evaluator, population_size=20, seed=1))
    result = population.run(evaluator, 4)
    fitness = max(population.candidates.fitness)
    assert result.champion_fitness == pytest.approx(fitness, rel=1e-5)


def test_learned_numbers_must_be_float32_of_the_genomes_shape_and_within_bounds():
    evaluator, population = narrow_bounds_config(1)
    fitness, genomes = evaluator(population.genomes), population.genomes
    count, nodes = len(genomes.arrays.connection_weight), len(genomes.arrays.node_bias)

    def refusal(**arrays):
        learned = genomes.with_arrays(genomes.arrays._replace(**arrays))
        before = genomes.take(np.arange(30))
        for inherit in (True, False):
            with pytest.raises(ValueError) as error:
                population.tell(fitness, learned, inherit)
        assert population.generation == 0
        assert genomes.arrays.connection_weight.tobytes() == before.arrays.connection_weight.tobytes()
        return str(error.value)

    weight = genomes.arrays.connection_weight
    expected = f"learned: expected connection_weight to be float32 of shape ({count},), got "
    assert refusal(connection_weight=weight[:1]) == f"{expected}float32 of shape (1,)"
    assert refusal(connection_weight=np.float32(0.5)) == f"{expected}float32 of shape ()"
    assert refusal(connection_weight=weight[:, np.newaxis]) == f"{expected}float32 of shape ({count}, 1)"
    assert refusal(connection_weight=np.full(count, 1e39)) == f"{expected}float64 of shape ({count},)"
    assert refusal(connection_weight=np.zeros(count, int)) == f"{expected}int64 of shape ({count},)"
    assert refusal(connection_weight=weight.astype(">f4")) == f"{expected}>f4 of shape ({count},)"
    assert refusal(connection_weight=np.full(count, 0.75, np.float32)) == (
        "learned: expected connection_weight within the config's bounds, from -0.5 to 0.7, got 0.75"
    )
    low = np.zeros(nodes, np.float32)
    low[5] = -0.25
    assert refusal(node_bias=low) == (
        "learned: expected node_bias within the config's bounds, from -0.1 to 0.2, got -0.25"
    )
    assert refusal(node_response=np.full(nodes, np.inf, np.float32)) == (
        "learned: node_response must be finite, got inf"
    )
    with pytest.raises(ValueError, match=r"^learned: expected neat\.Genomes, got GenomeArrays$"):
        population.tell(fitness, genomes.arrays)
    edge = np.float32([-0.5, 0.7]).repeat(count)[count // 2 :][:count]
    population.tell(fitness, genomes.with_arrays(genomes.arrays._replace(connection_weight=edge)))
    assert population.generation == 1


def scorer_of(evaluator):
    return evaluators.Supervised(evaluator.inputs, evaluator.targets, device="cpu")


def changed(before, after):
    """Which genomes have other numbers."""
    return np.array([one != other for one, other in zip(before, after, strict=True)])


@pytest.mark.parametrize(("best", "count"), [(0.1, 3), (0.5, 15), (0.001, 1), (1.0, 30)])
def test_the_best_learn_and_keep_what_improves_them(best, count):
    evaluator, population = narrow_bounds_config(5, learn_steps=20, learn_best=best)
    genomes = population.genomes.take(np.arange(30))
    plain = scorer_of(evaluator)(genomes)
    fitness = evaluator(population.genomes)
    differs = changed(genomes, evaluator.learned)
    allowed = np.argsort(-plain, kind="stable")[:count]
    assert set(np.flatnonzero(differs)) <= set(allowed) and differs.any()
    assert (fitness >= plain).all() and (fitness > plain).sum() == differs.sum()
    np.testing.assert_allclose(scorer_of(evaluator)(evaluator.learned), fitness, 1e-5)
    trained = fit_weights(
        genomes.take(np.sort(allowed)),
        evaluator.inputs,
        evaluator.targets,
        lambda parameters: optim.Adam(parameters, 0.1),
        20,
    )
    expected = np.maximum(plain[np.sort(allowed)], trained.fitness)
    np.testing.assert_allclose(fitness[np.sort(allowed)], expected, 1e-6)


def test_learning_happens_every_so_many_generations():
    evaluator, population = narrow_bounds_config(6, learn_steps=3, learn_every=3)
    learned = []
    for _ in range(7):
        fitness = evaluator(population.ask())
        learned.append(evaluator.learned is not None)
        population.tell(fitness, evaluator.learned)
    assert learned == [True, False, False, True, False, False, True]


def test_a_fitness_is_what_a_later_call_returns_for_the_learned_genomes():
    evaluator, population = narrow_bounds_config(8, learn_steps=5)
    fitness = evaluator(population.ask())
    assert np.array_equal(scorer_of(evaluator)(evaluator.learned), fitness)


def test_the_gain_is_what_learning_adds_to_the_fitness():
    evaluator, population = narrow_bounds_config(9, learn_steps=5, learn_every=2)
    assert evaluator.gain is None
    genomes = population.genomes.take(np.arange(30))
    fitness = evaluator(population.ask())
    assert np.array_equal(fitness - scorer_of(evaluator)(genomes), evaluator.gain)
    assert (evaluator.gain > 0).sum() == changed(genomes, evaluator.learned).sum() > 0
    population.tell(fitness, evaluator.learned)
    evaluator(population.ask())  # no generation that learns
    assert not evaluator.gain.any()


def test_each_generation_learns_on_a_batch_of_its_own(monkeypatch):
    seen, original = [], Trainer.__init__

    def spy(self, samples, *rest):
        seen.append(samples.inputs[:, 0].tolist())
        original(self, samples, *rest)

    monkeypatch.setattr(Trainer, "__init__", spy)
    evaluator, population = narrow_bounds_config(10, learn_steps=3, learn_batch=7)
    for _ in range(3):
        fitness = evaluator(population.ask())
        assert np.array_equal(scorer_of(evaluator)(evaluator.learned), fitness), "over all samples"
        assert (evaluator.gain >= 0).all()
        population.tell(fitness, evaluator.learned)
    batches = seen[1:]
    assert [len(set(batch)) for batch in batches] == [7, 7, 7]
    assert all(set(batch) <= set(CURVE[:, 0].astype(np.float32).tolist()) for batch in batches)
    assert len({tuple(sorted(batch)) for batch in batches}) == 3
    again, other = narrow_bounds_config(10, learn_steps=3, learn_batch=7)
    again(other.ask())
    assert seen[5] == batches[0], "a run repeats"


def test_a_batch_of_all_samples_is_no_batch():
    results = []
    for batch in (None, len(CURVE), 10_000):
        evaluator, population = narrow_bounds_config(11, learn_steps=3, learn_batch=batch)
        results.append(evaluator(population.ask()))
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


@pytest.mark.parametrize("learn_batch", [0, 1.5, "all", True])
def test_a_batch_has_at_least_one_sample(learn_batch):
    with pytest.raises(ValueError, match=r"^learn_batch: expected an integer from 1"):
        evaluators.Supervised(CURVE, CURVE, device="cpu", learn_steps=1, learn_batch=learn_batch)


def test_a_run_ends_with_a_polished_champion_unless_it_is_solved():
    champions = {}
    for polishes in (True, False):
        evaluator, population = narrow_bounds_config(12, learn_steps=5, polish_champion=polishes)
        champions[polishes] = population.run(evaluator, 4)
    plain, polished = champions[False], champions[True]
    assert polished.champion_fitness > plain.champion_fitness and not polished.solved
    assert polished.champion == evaluator.polish(plain.champion).genome
    assert polished.champion_fitness == scorer_of(evaluator)(polished.champion.genomes)[0]

    between = (plain.champion_fitness + polished.champion_fitness) / 2
    for target, expected in ((between, polished), (plain.champion_fitness, plain)):
        evaluator, population = narrow_bounds_config(12, learn_steps=5)
        result = population.run(evaluator, 4, fitness_target=target)
        assert result.solved and result.champion == expected.champion
        assert result.champion_fitness == expected.champion_fitness


def test_a_run_without_learning_is_not_polished():
    evaluator, population = narrow_bounds_config(13)
    result = population.run(evaluator, 3)
    assert result.champion == population.best


@pytest.mark.parametrize("learn_best", [0, -0.1, 1.1, np.nan, True, "all"])
def test_the_share_that_learns_is_above_0_and_at_most_1(learn_best):
    with pytest.raises(ValueError, match=r"^learn_best: must be above 0 and at most 1, got "):
        evaluators.Supervised(CURVE, CURVE, device="cpu", learn_steps=1, learn_best=learn_best)


@pytest.mark.parametrize("feed_forward", [True, False])
def test_polishing_ends_where_no_weight_improves_the_fitness(feed_forward):
    targets = np.sin(3 * CURVE)
    evaluator = evaluators.Supervised(CURVE, targets, device="cpu", steps=3)
    genome = {"activation": "tanh", "output_activation": "identity", "feed_forward": feed_forward}
    config = neat.Config.for_task(evaluator, population_size=60, seed=3, genome=genome)
    champion = neat.Population(config).run(evaluator, 20).champion
    before = champion.to_dict()
    polished = evaluator.polish(champion)
    assert champion.to_dict() == before
    assert polished.fitness_before == pytest.approx(evaluator(champion.genomes)[0], rel=1e-6)
    assert polished.fitness == pytest.approx(evaluator(polished.genome.genomes)[0], rel=1e-6)
    assert polished.fitness > polished.fitness_before and polished.steps > 1
    further = fit_weights(polished.genome, CURVE, targets, adam, 300, recurrent_steps=3)
    assert further.fitness[0] < polished.fitness + 0.02 * abs(polished.fitness)


def test_a_penalty_gives_the_weights_of_ridge_regression():
    random = np.random.default_rng(0)
    inputs = random.normal(size=(40, 3))
    targets = inputs @ [1.0, -2.0, 0.5] + 0.7 + random.normal(size=40)
    evaluator = evaluators.Supervised(inputs, targets, device="cpu")
    config = neat.Config.for_task(
        evaluator, population_size=2, seed=0, genome={"output_activation": "identity"}
    )
    alpha = 15.0
    genome = evaluator.polish(neat.Population(config).ask()[0], penalty=alpha / 40).genome
    centred = inputs - inputs.mean(axis=0)
    expected = np.linalg.solve(centred.T @ centred + alpha * np.eye(3), centred.T @ targets)
    order = np.argsort(genome.genomes.arrays.connection_source)
    np.testing.assert_allclose(genome.genomes.arrays.connection_weight[order], expected, atol=1e-3)
    bias = targets.mean() - inputs.mean(axis=0) @ expected
    np.testing.assert_allclose(genome.genomes.arrays.node_bias, [bias], atol=1e-3)
    for wrong in (-1, np.nan, np.inf, "1", True):
        with pytest.raises(ValueError, match=r"^penalty: expected a finite number of at least 0, got "):
            evaluator.polish(genome, penalty=wrong)


def test_polishing_keeps_the_bounds():
    evaluator, population = narrow_bounds_config(7)
    champion = population.run(evaluator, 5).champion
    polished = evaluator.polish(champion)
    assert is_within_bounds(polished.genome.genomes) and polished.fitness > polished.fitness_before


def test_only_steps_limit_polishing(monkeypatch):
    """An iteration may evaluate the gradient more than once."""
    minimise, limits = scipy.optimize.minimize, []

    def observe(*arguments, options, **rest):
        limits.append((options["maxiter"], options["maxfun"]))
        return minimise(*arguments, options=options, **rest)

    monkeypatch.setattr(scipy.optimize, "minimize", observe)
    evaluator, population = narrow_bounds_config(7)
    evaluator.polish(population.ask()[0], steps=100_000)
    assert limits[0][0] == 100_000 and limits[0][1] >= 20 * 100_000


def test_what_cannot_be_polished_is_refused():
    evaluator = evaluators.Supervised(CURVE, CURVE > 0, fitness="accuracy", device="cpu")
    config = neat.Config.for_task(evaluator, population_size=5, seed=0)
    genome = neat.Population(config).genomes[0]
    with pytest.raises(ValueError, match=r"^fitness: expected one with a slope"):
        evaluator.polish(genome)
    evaluator = evaluators.Supervised(CURVE, CURVE, device="cpu")
    with pytest.raises(ValueError, match=r"^genome: expected neat\.Genome, got Genomes$"):
        evaluator.polish(genome.genomes)
    with pytest.raises(ValueError, match=r"^steps: expected an integer from 1"):
        evaluator.polish(genome, steps=0)
