"""Test settings: validation, TOML, presets and merging."""

import inspect
import re
import types
from typing import Annotated, Literal, get_args, get_origin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neat
from neat.config.config import to_record
from neat.config.neat_python_names import OTHER_NAMES
from neat.support.validation import Model

SIZES = {"num_inputs": 2, "num_outputs": 1}
ACTIVATIONS = st.sampled_from(["tanh", "relu", "sigmoid", "gauss"])
AGGREGATIONS = st.sampled_from(["sum", "max", "median"])


def bounds(metadata):
    """Return (minimum, maximum, whether the minimum is excluded) from pydantic's metadata."""
    least, greatest, excluded = None, None, False
    for item in metadata:
        for constraint in getattr(item, "metadata", [item]):
            least = getattr(constraint, "ge", getattr(constraint, "gt", least))
            excluded |= hasattr(constraint, "gt")
            greatest = getattr(constraint, "le", greatest)
            if hasattr(constraint, "lt"):
                greatest = constraint.lt - 1
    return least, greatest, excluded


def field_values(annotation, metadata):
    """Return a strategy for a field's valid values."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return field_values(inner, [*metadata, *more])
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return sections(annotation)
    if type(None) in get_args(annotation):
        return st.none() | field_values(get_args(annotation)[0], metadata)
    least, greatest, excluded = bounds(metadata)
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(0 if least is None else least, 1000 if greatest is None else greatest)
    assert annotation is float, annotation
    least, greatest = max(-1e6, least or -1e6) if least != 0 else 0, min(1e6, greatest or 1e6)
    return st.floats(least, greatest, exclude_min=excluded)


@st.composite
def sections(draw, model):
    """Draw valid settings of any section, as a dictionary."""
    values = {}
    for name, field in model.model_fields.items():
        if name in ("activation", "aggregation"):
            options = draw(st.lists(ACTIVATIONS if name == "activation" else AGGREGATIONS, min_size=1))
            values[f"{name}_options"] = tuple(options)
            values[name] = draw(st.sampled_from(["random", *options]))
        elif name == "output_activation":
            values[name] = draw(st.none() | ACTIVATIONS)
        elif name == "hidden_layers":
            values[name] = tuple(draw(st.lists(st.integers(1, 9), max_size=3)))
        elif not name.endswith("_options"):
            values[name] = draw(field_values(field.annotation, field.metadata))
    for one, other in (("replace_rate", "perturb_rate"), ("average_rate", "single_point_rate")):
        if one in values:
            values[one] *= 1 - values[other]
    if "minimum" in values:
        values["minimum"], values["mean"], values["maximum"] = sorted(
            values[name] for name in ("minimum", "mean", "maximum")
        )
    if values.get("innovation") in ("pairing", "hashed"):
        values["speciation"]["excess_coefficient"] = values["speciation"]["disjoint_coefficient"]
    return values


@given(sections(neat.Config))
@settings(max_examples=100, deadline=None)
def test_toml_gives_an_equal_config_back(values):
    config = neat.Config(**values)
    assert neat.Config.from_toml(config.to_toml()) == config
    assert to_record(config).dtype is to_record(neat.Config(genome=SIZES)).dtype  # numba finds it faster


@given(sections(neat.Config))
@settings(max_examples=30, deadline=None)
def test_a_config_given_whole_or_section_by_section_is_the_same(values):
    config = neat.Config(**values)
    assert neat.Config(**{name: getattr(config, name) for name in values}) == config
    assert neat.Config(genome=values.pop("genome")).updated(**values) == config


def test_toml_files_are_read_and_complaints_name_them(tmp_path):
    config = neat.Config(genome=SIZES, population_size=77, mutation={"add_node_rate": 0.25})
    path = tmp_path / "run.toml"
    path.write_text(config.to_toml(), "utf-8")
    assert neat.Config.load(path) == config
    path.write_text(config.to_toml().replace("add_node_rate", "add_nod_rate"), "utf-8")
    with pytest.raises(ValueError, match=r"run\.toml: mutation\.add_nod_rate: there is no such field"):
        neat.Config.load(path)
    for text, complaint in (("a = ", "not valid TOML"), ("seed = 3", "genome: must be given")):
        path.write_text(text, "utf-8")
        with pytest.raises(ValueError, match=rf"run\.toml: {complaint}"):
            neat.Config.load(path)
    with pytest.raises(ValueError, match=r"none\.toml: cannot be read: No such file"):
        neat.Config.load(tmp_path / "none.toml")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"run\.toml: "):
        neat.Config.load(path)


BAD = [
    ({"population_size": 1}, r"population_size: .* greater than or equal to 2, got 1"),
    ({"population_size": 0}, r"population_size: .* got 0"),
    ({"population_size": 2.5}, r"population_size: .* integer, .* got 2.5"),
    ({"population_size": 2**31}, r"population_size: .* less than 2147483648, got 2147483648"),
    ({"population_size": "many"}, r"population_size: must be a number, got 'many'"),
    ({"population_size": "150"}, r"population_size: must be a number, got '150'"),
    ({"seed": True}, r"seed: must be a number, got True"),
    ({"mutation": {"add_node_rate": "0.1"}}, r"mutation\.add_node_rate: must be a number, got '0.1'"),
    ({"population_size": None}, r"population_size: .* got None"),
    ({"reproduction": {"elites": 10**20}}, r"reproduction\.elites: .* less than 2147483648, got 1000"),
    ({"mutation": {"add_connection_tries": 10**6}}, r"mutation\.add_connection_tries: .* 10000, got 1000000"),
    ({"seed": -1}, r"seed: .* greater than or equal to 0, got -1"),
    ({"seed": 2**63}, r"seed: .* less than 9223372036854775808"),
    (
        {"innovation": "local"},
        r"innovation: .*'global', 'generation', 'pairing', 'hashed' or 'unshared', got 'local'",
    ),
    ({"pairing": "rosenberg"}, r"pairing: .*'szudzik' or 'cantor', got 'rosenberg'"),
    ({"poplation_size": 10}, r"poplation_size: there is no such field"),
    ({"mutation": {"add_nodes": 0.1}}, r"mutation\.add_nodes: there is no such field"),
    ({"mutation": {"weight": {"pwer": 1}}}, r"mutation\.weight\.pwer: there is no such field"),
    ({"mutation": {"add_node_rate": 1.5}}, r"mutation\.add_node_rate: .* equal to 1, got 1.5"),
    ({"mutation": {"add_node_rate": -0.1}}, r"mutation\.add_node_rate: .* equal to 0, got -0.1"),
    ({"mutation": {"add_node_rate": float("nan")}}, r"mutation\.add_node_rate: .* got nan"),
    ({"mutation": {"add_node_rate": float("inf")}}, r"mutation\.add_node_rate: .* got inf"),
    ({"mutation": {"add_connection_tries": 0}}, r"mutation\.add_connection_tries: .* equal to 1, got 0"),
    ({"mutation": {"structural": "two"}}, r"mutation\.structural: .*'all', 'one' or 'alone', got 'two'"),
    ({"mutation": {"weight": {"power": -1}}}, r"mutation\.weight\.power: .* equal to 0, got -1"),
    ({"mutation": {"bias": {"distribution": "cauchy"}}}, r"mutation\.bias\.distribution: .*got 'cauchy'"),
    (
        {"mutation": {"weight": {"perturb_rate": 0.8, "replace_rate": 0.3}}},
        r"mutation\.weight\.perturb_rate: with replace_rate 0.3 must not exceed 1, got 0.8",
    ),
    ({"mutation": 5}, r"mutation: .* MutationConfig, got 5"),
    (
        {"crossover": {"average_rate": 0.6, "single_point_rate": 0.6}},
        r"crossover\.average_rate: with single_point_rate 0.6 must not exceed 1, got 0.6",
    ),
    ({"crossover": {"disable_rate": 2}}, r"crossover\.disable_rate: .* got 2"),
    (
        {"crossover": {"equal_fitness": "none"}},
        r"crossover\.equal_fitness: .*'both' or 'smaller', got 'none'",
    ),
    ({"speciation": {"threshold": 0}}, r"speciation\.threshold: .* greater than 0, got 0"),
    ({"speciation": {"threshold": float("inf")}}, r"speciation\.threshold: .* got inf"),
    (
        {"speciation": {"threshold_mode": "auto"}},
        r"speciation\.threshold_mode: .*'adjusted' or 'fixed'",
    ),
    ({"speciation": {"target_species": 0}}, r"speciation\.target_species: .* got 0"),
    ({"speciation": {"weight_coefficient": -1}}, r"speciation\.weight_coefficient: .* got -1"),
    (
        {"innovation": "hashed", "speciation": {"excess_coefficient": 2}},
        r'speciation\.excess_coefficient: must equal disjoint_coefficient 1.0 where innovation is "hashed".* got 2',
    ),
    (
        {"innovation": "pairing", "speciation": {"excess_coefficient": 2}},
        r'speciation\.excess_coefficient: must equal disjoint_coefficient 1.0 where innovation is "pairing".* got 2',
    ),
    ({"stagnation": {"protected_species": 0}}, r"stagnation\.protected_species: .* got 0"),
    ({"stagnation": {"measure": "median"}}, r"stagnation\.measure: .*'max' or 'mean', got 'median'"),
    ({"reproduction": {"survival_rate": 0}}, r"reproduction\.survival_rate: .* greater than 0, got 0"),
    ({"reproduction": {"survival_rate": 1.1}}, r"reproduction\.survival_rate: .* got 1.1"),
    ({"reproduction": {"elites": -1}}, r"reproduction\.elites: .* got -1"),
    ({"reproduction": {"keep_best": "perhaps"}}, r"reproduction\.keep_best: .* got 'perhaps'"),
]
BAD_GENOME = [
    ({"num_inputs": 0}, r"genome\.num_inputs: .* equal to 1, got 0"),
    ({"num_inputs": 2 * 10**9}, r"genome\.num_inputs: .* less than 16777216, got 2000000000"),
    ({"num_outputs": -2}, r"genome\.num_outputs: .* got -2"),
    ({"num_inputs": 1.5}, r"genome\.num_inputs: .* got 1.5"),
    ({"hidden_layers": (3, 0)}, r"genome\.hidden_layers\.1: .* equal to 1, got 0"),
    ({"hidden_layers": ("3",)}, r"genome\.hidden_layers\.0: must be a number, got '3'"),
    ({"hidden_layers": 3}, r"genome\.hidden_layers: .* got 3"),
    (
        {"initial_connections": "some"},
        r"genome\.initial_connections: .*'full', 'partial' or 'none', got 'some'",
    ),
    ({"initial_rate": 1.2}, r"genome\.initial_rate: .* got 1.2"),
    (
        {"activation": "tnh"},
        r"genome\.activation 'tnh' is not known \(did you mean tanh\?\); known are: sigmoid, tanh",
    ),
    ({"aggregation": "avg"}, r"genome\.aggregation 'avg' is not known; known are: sum"),
    ({"output_activation": "nix"}, r"genome\.output_activation: activation 'nix' is not known; known are"),
    ({"activation": "random"}, r'genome\.activation_options: must name .* "random", got \(\)'),
    ({"aggregation": "random"}, r'genome\.aggregation_options: must name .* "random", got \(\)'),
    (
        {"activation_options": ("relu", "nix")},
        r"genome\.activation_options\.1: activation 'nix' is not known",
    ),
    (
        {"activation_options": ("relu",)},
        r"genome\.activation_options: must hold activation '\w+', got \('relu',\)",
    ),
    ({"weight": {"mean": 50}}, r"genome\.weight\.mean: must lie from minimum -30.0 to maximum 30.0, got 50"),
    (
        {"weight": {"minimum": 5, "maximum": -5}},
        r"genome\.weight\.minimum: must not exceed maximum -5.0, got 5.0",
    ),
    ({"weight": {"spread": 1e39}}, r"genome\.weight\.spread: .*less than or equal to 34.*, got 1e\+39"),
    ({"bias": {"maximum": 1e300}}, r"genome\.bias\.maximum: .*less than or equal to 34.*, got 1e\+300"),
    ({"response": {"spread": -1}}, r"genome\.response\.spread: .* got -1"),
    ({"bias": {"distribution": "beta"}}, r"genome\.bias\.distribution: .*'normal' or 'uniform', got 'beta'"),
]


@pytest.mark.parametrize(("given_settings", "message"), BAD + [({"genome": g}, m) for g, m in BAD_GENOME])
def test_bad_settings_are_refused_in_one_line(given_settings, message):
    values = {**given_settings, "genome": {**SIZES, **given_settings.get("genome", {})}}
    with pytest.raises(ValueError) as caught:
        neat.Config(**values)
    assert "\n" not in str(caught.value)
    assert re.match(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "genome: must be given"),
        ({"genome": None}, "genome: .* got None"),
        ({"genome": {"num_inputs": 3}}, "genome.num_outputs: must be given"),
    ],
)
def test_a_config_needs_sizes(values, message):
    with pytest.raises(ValueError, match=message):
        neat.Config(**values)


def test_several_mistakes_are_counted():
    with pytest.raises(ValueError, match=r"^population_size: .* \(and 1 more\)$"):
        neat.Config(genome=SIZES, population_size=1, seed=-1)


def test_configs_cannot_be_changed():
    config = neat.Config(genome=SIZES)
    with pytest.raises(
        ValueError, match=r"^seed: a Config cannot be changed; use config\.updated\(seed=3\)$"
    ):
        config.seed = 3
    with pytest.raises(ValueError, match=r"^power: .* use config\.updated\(…\), with \{'power': 3\}"):
        config.mutation.weight.power = 3
    with pytest.raises(ValueError, match=r"^pop_size: .* no such field; did you mean population_size\?$"):
        config.pop_size = 3
    with pytest.raises(ValueError, match=r"^seed: a Config cannot be changed"):
        del config.seed
    assert config == neat.Config(genome=SIZES)


def test_for_task_takes_the_sizes_and_merges_the_settings():
    task = types.SimpleNamespace(num_inputs=4, num_outputs=3)
    config = neat.Config.for_task(task, seed=5, genome={"activation": "relu"})
    assert (config.genome.num_inputs, config.genome.num_outputs, config.seed) == (4, 3, 5)
    assert config.genome.activation == "relu"


class NeedsArguments:
    num_inputs = 2
    num_outputs = 1


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (np.zeros((8, 2)), r"evaluators\.Supervised\(X, y\).*got an array of shape \(8, 2\)"),
        (NeedsArguments, r"got the class NeedsArguments; create an instance: NeedsArguments\(…\)"),
        (None, "got None; without an evaluator, write Config"),
        (types.SimpleNamespace(num_inputs=2), r"evaluator with num_outputs.* got namespace\(num_inputs=2\)"),
    ],
)
def test_for_task_refuses_other_than_evaluators(task, message):
    with pytest.raises(ValueError, match=f"^task: must be an .*{message}") as caught:
        neat.Config.for_task(task)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given_settings", "meant"),
    [
        ({"pop_size": 100}, "population_size"),
        ({"poplation_size": 100}, "population_size"),
        ({"fitness_threshold": 0.9}, "fitness_target, an argument of Population.run"),
        ({"conn_add_prob": 0.5}, "mutation.add_connection_rate"),
        ({"compatibility_threshold": 3.0}, "speciation.threshold"),
        ({"num_inputs": 2}, "genome.num_inputs"),
        ({"add_node_rate": 0.1}, "mutation.add_node_rate"),
        ({"weight_init_stdev": 1.0}, "genome.weight.spread"),
        ({"mutation": {"add_nodes_rate": 0.1}}, "add_node_rate"),
        ({"mutation": {"node_add_prob": 0.1}}, "mutation.add_node_rate"),
        ({"genome": {**SIZES, "num_hidden": 3}}, "genome.hidden_layers"),
    ],
)
def test_the_closest_field_is_suggested(given_settings, meant):
    with pytest.raises(ValueError) as caught:
        neat.Config(**{"genome": SIZES, **given_settings})
    assert str(caught.value).endswith(f"there is no such field; did you mean {meant}?")


def fields(model):
    """Return the full names of all settings."""
    for name, info in model.model_fields.items():
        yield name
        if isinstance(info.annotation, type) and issubclass(info.annotation, Model):
            yield from (f"{name}.{inner}" for inner in fields(info.annotation))


def test_every_suggested_name_exists():
    known = set(fields(neat.Config))
    arguments = inspect.signature(neat.Population.run).parameters
    for meant in OTHER_NAMES.values():
        argument = meant.removesuffix(", an argument of Population.run")
        assert argument in arguments if argument != meant else set(meant.split(" and ")) <= known, meant


def test_updated_merges_into_sections_and_leaves_the_old_config():
    config = neat.Config(genome=SIZES, mutation={"add_node_rate": 0.5, "weight": {"power": 2.0}})
    newer = config.updated(mutation={"weight": {"replace_rate": 0.05}}, genome={"activation": "relu"})
    assert newer.mutation.add_node_rate == 0.5
    assert (newer.mutation.weight.power, newer.mutation.weight.replace_rate) == (2.0, 0.05)
    assert newer.genome.activation_options == ("relu",)
    assert config.mutation.weight.replace_rate == neat.Config(genome=SIZES).mutation.weight.replace_rate
    assert config.updated() == config
    read = neat.Config.from_toml(config.to_toml())  # with all options
    for kind, name in (("activation", "tanh"), ("aggregation", "max")):
        changed = read.updated(genome={kind: name})
        assert changed == config.updated(genome={kind: name})
        assert getattr(changed.genome, f"{kind}_options") == (name,)
        several = config.updated(genome={f"{kind}_options": (name, getattr(config.genome, kind))})
        assert several.updated(genome={kind: name}).genome.model_dump()[f"{kind}_options"][0] == name
        with pytest.raises(ValueError, match=f"{kind}_options: must hold {kind} '{name}'"):
            read.updated(genome={kind: name, f"{kind}_options": [getattr(config.genome, kind)]})
        with pytest.raises(ValueError, match=f"{kind}_options: must name at least one"):
            read.updated(genome={kind: "random"})
    with pytest.raises(ValueError, match=r"mutation\.weight\.pwer"):
        config.updated(mutation={"weight": {"pwer": 1}})


@pytest.mark.parametrize("name", neat.Config.presets())
def test_presets_are_whole_and_can_be_changed(name):
    config = neat.Config.preset(name, genome=SIZES, seed=3, mutation={"add_node_rate": 0.11})
    assert (config.genome.num_inputs, config.seed, config.mutation.add_node_rate) == (2, 3, 0.11)
    assert neat.Config.from_toml(config.to_toml()) == config
    assert config.updated(mutation={"add_node_rate": 0.2}).updated(mutation={"add_node_rate": 0.11}) == config
    neat.Population(config.updated(population_size=10)).tell(np.arange(10.0))
    with pytest.raises(ValueError, match="genome"):
        neat.Config.preset(name)


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match=r"preset: must be one of .*got 'nix'"):
        neat.Config.preset("nix", genome=SIZES)


def test_records_hold_each_number_under_its_name():
    config = neat.Config(
        genome={**SIZES, "weight": {"maximum": 8.0}}, seed=2**62 + 1, mutation={"structural": "alone"}
    )
    record = to_record(config)[0]
    assert record["seed"] == 2**62 + 1
    assert record["genome"]["weight"]["maximum"] == 8.0
    assert record["mutation"]["structural"] == 2
    assert not record["reproduction"]["keep_best"]
