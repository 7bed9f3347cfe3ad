"""The dictionaries for type checkers have the keys and types of the settings."""

import types
from typing import Annotated, Union, get_args, get_origin, get_type_hints

import pytest

import neat
from neat.config import models, section_dicts
from neat.support.validation import Model

PAIRS = {
    models.InitialValue: section_dicts.InitialValueDict,
    models.GenomeConfig: section_dicts.GenomeDict,
    models.ValueMutation: section_dicts.ValueMutationDict,
    models.MutationConfig: section_dicts.MutationDict,
    models.CrossoverConfig: section_dicts.CrossoverDict,
    models.SpeciationConfig: section_dicts.SpeciationDict,
    models.StagnationConfig: section_dicts.StagnationDict,
    models.ReproductionConfig: section_dicts.ReproductionDict,
    neat.Config: section_dicts.SettingsDict,
}


def accepted(kind):
    """Return the type that type checkers should accept for a field of this type."""
    if get_origin(kind) is Annotated:
        return accepted(get_args(kind)[0])
    if get_origin(kind) is tuple:
        element = accepted(get_args(kind)[0])
        return list[element] | tuple[element, ...]
    if get_origin(kind) in (Union, types.UnionType):
        return Union[tuple(map(accepted, get_args(kind)))]  # noqa: UP007
    if isinstance(kind, type) and issubclass(kind, Model):
        return kind | PAIRS[kind]
    return kind


@pytest.mark.parametrize("model", PAIRS, ids=lambda model: model.__name__)
def test_keys_and_types_are_those_of_the_model(model):
    fields = {name: accepted(info.annotation) for name, info in model.model_fields.items()}
    assert get_type_hints(PAIRS[model]) == fields
    assert not PAIRS[model].__required_keys__  # a preset or a task can give the others


def test_there_is_one_for_each_section():
    assert {kind for kind in vars(section_dicts).values() if hasattr(kind, "__required_keys__")} == {
        *PAIRS.values()
    }
