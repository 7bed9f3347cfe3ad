"""The numbers that kernels know words of settings by: they are for ever, since saved configs and seeds rely on them."""

from enum import IntEnum
from typing import get_args

import pytest

import neat
from neat.config import choices
from neat.config.config import to_record
from neat.support.validation import Model

NUMBERS = {
    choices.Distribution: {"normal": 0, "uniform": 1},
    choices.Structural: {"all": 0, "one": 1, "alone": 2},
    choices.EqualFitness: {"both": 0, "smaller": 1},
    choices.Normalisation: {"continuous": 0, "size": 1},
    choices.Measure: {"max": 0, "mean": 1},
}


def fields(model):
    """(section, name, words, enumeration) of every setting that kernels know by a number."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Model):
            yield from fields(info.annotation)
        for kind in info.metadata:
            if isinstance(kind, type) and issubclass(kind, IntEnum):
                yield model, name, get_args(info.annotation), kind


@pytest.mark.parametrize("kind", NUMBERS, ids=lambda kind: kind.__name__)
def test_numbers_do_not_change(kind):
    assert {member.name.lower(): int(member) for member in kind} == NUMBERS[kind]


def test_every_word_of_a_setting_has_its_number():
    found = list(fields(neat.Config))
    assert {kind for *_, kind in found} == set(NUMBERS)
    for section, name, words, kind in found:
        assert set(words) == set(NUMBERS[kind])
        for word in words:
            assert to_record(section(**{name: word}))[name][0] == NUMBERS[kind][word]
