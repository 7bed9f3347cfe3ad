import math
import time

import numpy as np
import pytest

from experiments.comparison.meter import BudgetSpent, Network, Point, PricedMeter, PricingMeter, TimedMeter


def network(score, parameters=10):
    return Network(lambda: score, parameters)


def test_work_is_counted_by_prices():
    meter = PricedMeter(1.0, {"generation": 0.25, "gene": 0.125})
    meter.tick({"generation": 1, "gene": 1}, network(0.1))
    meter.tick({"generation": 1, "gene": 2}, network(0.5, 12))
    assert meter.outcome == (12, [Point(0.375, 0.1), Point(0.875, 0.5)])
    meter.tick({"generation": 0, "gene": 1}, None)  # the network is the same
    assert meter.outcome == (12, [Point(0.375, 0.1), Point(0.875, 0.5), Point(1.0, 0.5)])
    with pytest.raises(BudgetSpent):
        meter.tick({"generation": 0, "gene": 1}, Network(lambda: pytest.fail("too late"), 99))
    assert meter.outcome.end == Point(1.0, 0.5)
    assert meter.outcome.parameters == 12


def test_the_first_tick_is_always_paid_for():
    meter = PricedMeter(1e-9, {"epoch": 1.0})
    meter.tick({"epoch": 1}, network(0.5))
    assert meter.outcome.curve == [Point(1.0, 0.5)]
    with pytest.raises(BudgetSpent):
        meter.tick({"epoch": 1}, network(0.6))


@pytest.mark.parametrize("budget", [0.3, 0.7, 1.0, 2.999])
@pytest.mark.parametrize("price", [0.1, 0.01, 0.0007, 0.3, 5.0])
def test_all_ticks_that_are_affordable_are_paid_for(budget, price):
    meter = PricedMeter(budget, {"epoch": price})
    count = meter.count_affordable({"epoch": 1})
    for _ in range(count):
        meter.tick({"epoch": 1}, network(0.0))
    with pytest.raises(BudgetSpent):
        meter.tick({"epoch": 1}, network(0.0))
    assert count == max(1, math.floor(round(budget / price, 6)))


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_scores_and_preparation_take_no_time():
    meter = TimedMeter(10.0, {"epoch": 0.5})
    assert meter.count_affordable({"epoch": 1}) == 20
    burn(0.05)
    meter.start()
    burn(0.01)
    meter.tick({"epoch": 1}, Network(lambda: burn(0.05) or 0.0, 10))
    burn(0.02)
    meter.tick({"epoch": 1}, Network(lambda: burn(0.05) or 1.0, 10))
    first, second = meter.outcome.curve
    assert 0.01 <= first.work < 0.04 and 0.03 <= second.work < 0.07


class Clock:
    """A processor time that tests set."""

    def __init__(self, monkeypatch):
        self.now = 5.0
        monkeypatch.setattr(time, "process_time", lambda: self.now)


def test_prices_are_measured(monkeypatch):
    clock, meter = Clock(monkeypatch), PricingMeter(1.0)
    draw = np.random.default_rng(0)
    total = 0.0
    while not meter.is_spent:
        clock.now += 3.0  # to prepare the data of a run
        meter.start()
        for genes in draw.integers(100, 1000, 50):
            seconds = 0.002 + 3e-6 * genes
            clock.now += seconds
            total += seconds
            try:
                meter.tick({"generation": 1, "gene": genes}, network(0.0))
            except BudgetSpent:
                break
    assert 1.0 <= total < 1.01
    assert meter.prices == pytest.approx({"generation": 0.002, "gene": 3e-6})


def test_no_price_is_negative_and_together_they_pay_what_was_measured(monkeypatch):
    clock, meter = Clock(monkeypatch), PricingMeter(100.0)
    meter.start()
    for genes, seconds in ((100, 0.3), (200, 0.2), (300, 0.1)):  # dearer when smaller
        clock.now += seconds
        meter.tick({"generation": 1, "gene": genes}, network(0.0))
    prices = meter.prices
    assert prices["gene"] == 0.0
    assert prices["generation"] == pytest.approx(0.2)
