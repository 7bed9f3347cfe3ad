"""The engines: that each has the operations of the protocol, and takes programs as well as genomes."""

import inspect

import numpy as np
import pytest

import evaluators
import neat
from evaluators import engine as protocol
from evaluators.cpu import engine as cpu
from evaluators.cpu.compilation import as_compiled
from evaluators.engine import engine_for
from evaluators.environments import CartPole
from evaluators.gradient import fit_weights, optim
from evaluators.network import Networks
from evaluators.program.compiled import CompiledNetworks, part_of
from evaluators.program.loss import LOSSES
from evaluators.program.program import Programs
from evaluators.samples import as_samples
from neat.activations import activation_index, aggregation_index
from neat.kernels import parallel
from tests.gpu.device_cases import genomes, numbers
from tests.support.counting_workers import CountingWorkers

ENGINE = engine_for(("cpu",))
PARTS = ("Activator", "Scorer", "Outcome", "Player", "NetworkGradients", "Differentiator")


def operations(cls):
    """The public methods of a class and what they take."""
    methods = {name: each for name, each in vars(cls).items() if not name.startswith("_")}
    return {
        name: inspect.signature(method).parameters
        for name, method in methods.items()
        if inspect.isfunction(method)
    }


def check_operations(implementation, stated):
    offered, asked = operations(implementation), operations(stated)
    assert asked.keys() <= offered.keys()
    for name, parameters in asked.items():
        assert list(offered[name].values()) == list(parameters.values()), name


def test_the_engine_of_the_cpu_has_the_operations_of_the_protocol():
    assert operations(cpu.CpuEngine) == operations(protocol.Engine)
    for name in PARTS:
        check_operations(getattr(cpu, name), getattr(protocol, name))


def test_the_engine_of_gpus_has_the_operations_of_the_protocol():
    pytest.importorskip("numba_cuda")
    from evaluators.gpu import engine as gpu

    assert operations(gpu.GpuEngine) == operations(protocol.Engine)
    for name in set(PARTS) - {"Scorer"}:
        check_operations(getattr(gpu, name), getattr(protocol, name))
    for scorer in (gpu.LossScorer, gpu.FunctionScorer):
        check_operations(scorer, protocol.Scorer)


def test_evaluators_work_on_the_threads_that_they_are_given(monkeypatch):
    inputs, targets = np.eye(2, dtype=np.float32), np.ones((2, 1), np.float32)
    config = neat.Config(genome={"num_inputs": 2, "num_outputs": 1, "activation": "tanh"}, seed=0)
    walk = neat.Config.for_task(evaluators.Rollout(CartPole()), seed=0)
    tasks = [
        (config, lambda workers, batch: evaluators.Supervised(inputs, targets, workers=workers)(batch)),
        (
            config,
            lambda workers, batch: evaluators.Supervised(inputs, targets, _mean, workers=workers)(batch),
        ),
        (
            config,
            lambda workers, batch: evaluators.Supervised(inputs, targets, learn_steps=1, workers=workers)(
                batch
            ),
        ),
        (walk, lambda workers, batch: evaluators.Rollout(CartPole(), workers=workers)(batch)),
        (config, lambda workers, batch: evaluators.compile(batch, workers=workers).activate(inputs)),
    ]
    for settings, work in tasks:
        batch = neat.Population(settings).ask()
        expected, workers = work(None, batch), CountingWorkers()
        with monkeypatch.context() as patched:
            patched.setattr(parallel, "_shared", None)
            np.testing.assert_array_equal(work(workers, batch), expected)
        assert workers.calls > 0


def test_workers_that_are_none_are_refused():
    config = neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, seed=0)
    batch, data = neat.Population(config).ask(), (np.eye(2), np.ones(2))
    for make in (
        lambda: neat.Population(config, 4),
        lambda: evaluators.Supervised(*data, workers=4),
        lambda: evaluators.Rollout(CartPole(), workers=4),
        lambda: evaluators.compile(batch, workers=4),
        lambda: fit_weights(batch, *data, lambda parameters: optim.Adam(parameters, 0.1), 1, workers=4),
    ):
        with pytest.raises(ValueError, match=r"^workers: expected neat\.parallel\.Workers or None, got 4$"):
            make()


def _mean(outputs, targets):
    return outputs.mean(axis=(1, 2))


def substrate(weights, bias):
    """Networks as something else than a genome may make them: inputs, a hidden layer of tanh, an identity output.

    Args:
        weights: float32 (networks, hidden, inputs).
        bias: float32 (networks,), of the output.
    """
    count, hidden, inputs = weights.shape
    nodes, links = hidden + 1, hidden * (inputs + 1)
    link_end = np.append(np.arange(1, hidden + 1) * inputs, links)
    source = np.append(np.tile(np.arange(inputs), hidden), inputs + np.arange(hidden))
    weight = np.concatenate([weights.reshape(count, -1), np.ones((count, hidden))], axis=1)
    node_bias = np.zeros((count, nodes), np.float32)
    node_bias[:, -1] = bias
    activations = [activation_index("tanh")] * hidden + [activation_index("identity")]
    return CompiledNetworks(
        Programs(
            node_start=np.arange(count + 1) * nodes,
            link_start=np.arange(count + 1) * links,
            node_count=np.full(count, nodes),
            node_bias=node_bias.ravel(),
            node_response=np.ones(count * nodes, np.float32),
            node_activation=np.tile(activations, count).astype(np.uint8),
            node_aggregation=np.full(count * nodes, aggregation_index("sum"), np.uint8),
            link_end=(np.arange(count)[:, np.newaxis] * links + link_end).ravel(),
            link_source=np.tile(source, count).astype(np.int32),
            link_weight=weight.astype(np.float32).ravel(),
            output_slot=np.full((count, 1), inputs + hidden, np.int32),
        ),
        num_inputs=inputs,
        bias_input=False,
        feed_forward=True,
    )


def test_programs_that_no_genome_gave():
    weights, bias, x = numbers(4, 6, 3), numbers(4), numbers(10, 3)
    networks = Networks(ENGINE, substrate(weights, bias))
    expected = np.tanh(np.einsum("shi,ni->snh", weights, x)).sum(axis=2) + bias[:, np.newaxis]
    np.testing.assert_allclose(networks.activate(x)[:, :, 0], expected, rtol=1e-5, atol=1e-5)
    samples = as_samples(x, np.zeros(10), "squared_error", steps=1)
    got = ENGINE.scorer(samples).score(substrate(weights, bias))
    np.testing.assert_allclose(got, -(expected**2).mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("feed_forward", [True, False])
def test_programs_score_as_their_genomes_do(feed_forward, threads, set_threads):
    batch = genomes(300, (3, 2), feed_forward=feed_forward, bias_input=True)
    x, targets = numbers(600, 3), np.arange(600) % 2
    set_threads(threads)
    for fitness in (*LOSSES, lambda outputs, targets: outputs.sum(axis=(1, 2))):
        given = np.eye(2)[targets] if isinstance(fitness, str) else numbers(600, 2)
        scorer = ENGINE.scorer(as_samples(x, given, fitness, steps=3))
        np.testing.assert_array_equal(scorer.score(as_compiled(batch)), scorer.score(batch))


def test_programs_play_as_their_genomes_do():
    rollout, batch = evaluators.Rollout(CartPole(time_limit=30), device="cpu"), genomes(9, (4, 2))
    player, request = ENGINE.player(rollout.environment), rollout._request(batch, 5, 0)
    got, expected = (player.play(each, request) for each in (as_compiled(batch), batch))
    np.testing.assert_array_equal(got.fitness, expected.fitness)
    assert got.steps == expected.steps
    np.testing.assert_array_equal(expected.fitness, rollout(batch))


def test_a_part_of_programs_is_that_of_the_genomes():
    batch = genomes(7, (3, 2))
    compiled, x = as_compiled(batch), numbers(5, 3)
    assert part_of(batch, 0, 7) is batch and part_of(compiled, 0, 7) is compiled
    for begin, end in ((0, 3), (2, 6), (6, 7)):
        some = [Networks(ENGINE, part_of(each, begin, end)).activate(x) for each in (compiled, batch)]
        np.testing.assert_array_equal(*some)
