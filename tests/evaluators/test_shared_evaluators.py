"""Evaluators and networks that several threads use: the results are right, or the second thread is refused."""

import copy
import pickle
import threading

import numpy as np
import pytest

import evaluators
import neat
from evaluators import Rollout
from evaluators.cpu.kernels import activate_range
from evaluators.environments import CartPole
from evaluators.network import compile
from evaluators.per_genome import Network


def error_in_another_thread(use):
    """What `use` raises there: a message, or None."""
    errors = [None]

    def attempt():
        try:
            use()
        except RuntimeError as error:
            errors[0] = str(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    return errors[0]


def genomes_for(task):
    return neat.Population(neat.Config.for_task(task, population_size=4)).ask()


@pytest.mark.parametrize("use", ["__call__", "play", "validate"])
def test_a_gymnasium_evaluator_that_another_thread_uses_is_refused(use):
    gymnasium = pytest.importorskip("gymnasium")
    errors = []

    class Asking(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1, 1, (1,))
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, seed=None, options=None):
            return np.zeros(1, np.float32), {}

        def step(self, action):
            if not errors:
                errors.append(error_in_another_thread(lambda: getattr(task, use)(genomes)))
            return np.zeros(1, np.float32), 1.0, True, False, {}

    with evaluators.Gymnasium(Asking) as task:
        genomes = genomes_for(task)
        assert task(genomes).tolist() == [1.0] * 4
        expected = (
            "Asking: another thread is using this evaluator's environments; make an evaluator for each thread"
        )
        assert errors == [expected]
        assert error_in_another_thread(lambda: task(genomes)) is None


@pytest.mark.parametrize("use", ["__call__", "play", "validate"])
def test_a_rollout_that_normalises_in_another_thread_is_refused(use, monkeypatch):
    task, errors = Rollout(CartPole(), observations="normalised", device="cpu"), []
    genomes = genomes_for(task)
    task(genomes)
    add = task._normaliser.add

    def add_meanwhile(*arguments):
        errors.append(error_in_another_thread(lambda: getattr(task, use)(genomes)))
        add(*arguments)

    with monkeypatch.context() as context:
        context.setattr(task._normaliser, "add", add_meanwhile)
        task(genomes)
    assert len(errors) == 1 and errors[0].startswith(
        "CartPole: another thread is using this evaluator, which normalises observations by"
    )
    for again in (task, copy.deepcopy(task), pickle.loads(pickle.dumps(task))):
        assert error_in_another_thread(lambda again=again: again(genomes)) is None


def network(feed_forward):
    genome = {"num_inputs": 2, "num_outputs": 1, "feed_forward": feed_forward}
    return Network(compile(neat.Population(neat.Config(genome=genome, population_size=2)).ask().take([0])))


def test_threads_that_share_a_network_get_their_own_outputs(monkeypatch):
    """The other thread activates it between the writing of the inputs and the kernel."""
    shared, kernel = network(True), activate_range()
    first, second = np.array([1.0, 2.0]), np.array([-2.0, 0.5])
    expected = [shared.activate(x)[0] for x in (first, second)]
    assert expected[0] != expected[1]
    others = []

    def meanwhile():
        monkeypatch.undo()
        error_in_another_thread(lambda: others.append(shared.activate(second)[0]))
        return kernel

    monkeypatch.setattr("evaluators.per_genome.activate_range", meanwhile)
    assert shared.activate(first)[0] == expected[0] and others == expected[1:]


@pytest.mark.parametrize("use", [lambda n: n.activate([1.0, 2.0]), lambda n: n.reset()])
def test_a_recurrent_network_that_another_thread_uses_is_refused(use, monkeypatch):
    shared, kernel, errors = network(False), activate_range(), []

    def meanwhile():
        errors.append(error_in_another_thread(lambda: use(shared)))
        monkeypatch.undo()
        return kernel

    monkeypatch.setattr("evaluators.per_genome.activate_range", meanwhile)
    shared.activate([1.0, 2.0])
    assert errors == ["network: another thread is using this recurrent network, which has one state"]
    assert error_in_another_thread(lambda: use(shared)) is None
    assert error_in_another_thread(lambda: use(copy.deepcopy(shared))) is None
