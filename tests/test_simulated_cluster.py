"""The simulation of large clusters (`python -m benchmarks scaling`), beside what can be worked out by hand."""

import pytest

from benchmarks.support.chunk_costs import make_genomes
from benchmarks.support.simulated_cluster import Costs, Evaluation, simulate

FREE = Costs(driver=0.0, worker=0.0, delay=0.0, look=0.0)


@pytest.fixture(scope="module")
def genomes():
    return make_genomes(1, 1600)


@pytest.mark.parametrize("evaluation", [Evaluation(0.1, 0.0), Evaluation(0.0, 0.1), Evaluation(0.06, 0.04)])
def test_free_chunks_leave_only_the_evaluations(genomes, evaluation):
    assert simulate(genomes, 16, FREE, evaluation).seconds == pytest.approx(1600 * 0.1 / 16)


def test_a_chunk_lasts_as_long_as_its_parts(genomes):
    """One slot has four chunks of 400 genomes, one after the other."""
    costs = Costs(driver=0.5, worker=2.0, delay=0.25, look=0.0)
    seconds, chunks = simulate(genomes, 1, costs, Evaluation(0.1, 0.01))
    assert chunks == 4
    assert seconds == pytest.approx(4 * 2.75 + 1600 * 0.11)


def test_the_driver_binds_when_chunks_take_too_long_to_hand_out(genomes):
    """Slots are then idle, so that the generation takes as long as the driver needs for its chunks."""
    seconds, chunks = simulate(genomes, 400, FREE._replace(driver=1.0), Evaluation(0.01, 0.0))
    assert chunks == 800  # of 20 ms
    assert seconds == pytest.approx(800, rel=0.01)


def test_looks_take_the_driver_as_long_as_there_are_chunks_under_way(genomes):
    """All 16 answers of a round arrive at once."""
    seconds, chunks = simulate(genomes, 16, FREE._replace(look=1.0), Evaluation(100.0, 0.0))
    assert chunks == 64
    assert seconds == pytest.approx(1600 * 100 / 16, rel=0.01)


@pytest.mark.parametrize("cores", [1, 2])
def test_shared_cores_bind(genomes, cores):
    costs = Costs(driver=0.03, worker=0.07, delay=0.0, look=0.0)
    seconds, chunks = simulate(genomes, 64, costs, Evaluation(0.01, 0.05), cores)
    assert seconds == pytest.approx((0.1 * chunks + 1600 * 0.05) / cores, rel=0.1)
