"""Test neat-python's files as documented; neat-python is never imported."""

import sys
from importlib import metadata
from operator import attrgetter

import pytest

from neat.config.config import Config, GenomeConfig
from neat.io.neat_python import config_from_ini, config_from_text
from neat.neat_python_conflict import refuse_neat_python
from tests.support.neat_python_files import XOR, changed
from tests.support.paths import DATA

VALUE = {"mean": 0.0, "spread": 1.0, "distribution": "normal", "minimum": -30.0, "maximum": 30.0}
MUTATION = {"genome_rate": 1.0, "replace_rate": 0.1, "power": 0.5, "distribution": "normal"}
STILL = {
    "genome_rate": 1.0,
    "perturb_rate": 0.0,
    "replace_rate": 0.0,
    "power": 0.0,
    "distribution": "normal",
}
# What each key of the example means here.
XOR_SETTINGS = {
    "genome": {
        "num_inputs": 2,
        "num_outputs": 1,
        "bias_input": False,
        "feed_forward": True,
        "initial_connections": "full",
        "initial_rate": 0.5,
        "hidden_layers": (),
        "activation": "scaled_sigmoid",
        "activation_options": ("scaled_sigmoid",),
        "output_activation": None,
        "aggregation": "sum",
        "aggregation_options": ("sum",),
        "weight": VALUE,
        "bias": VALUE,
        "response": {**VALUE, "mean": 1.0, "spread": 0.0},
    },
    "population_size": 150,
    "seed": 0,
    "innovation": "generation",
    "pairing": "szudzik",
    "mutation": {
        "add_node_rate": 0.2,
        "add_connection_rate": 0.5,
        "delete_node_rate": 0.2,
        "delete_connection_rate": 0.5,
        "structural": "all",
        "split_oldest_rate": 0.0,
        "add_connection_tries": 1,
        "enable_rate": 0.005,
        "disable_rate": 0.005,
        "weight": {**MUTATION, "perturb_rate": 0.8},
        "bias": {**MUTATION, "perturb_rate": 0.7},
        "response": STILL,
        "activation_rate": 0.0,
        "aggregation_rate": 0.0,
    },
    "crossover": {
        "average_rate": 0.0,
        "single_point_rate": 0.0,
        "disable_rate": 0.75,
        "equal_fitness": "smaller",
    },
    "speciation": {
        "excess_coefficient": 1.0,
        "disjoint_coefficient": 1.0,
        "weight_coefficient": 0.5,
        "node_coefficient": 0.5,
        "normalise_from": 1,
        "threshold": 3.0,
        "threshold_mode": "fixed",
        "target_species": 10,
        "threshold_step": 0.1,
        "minimum_threshold": 0.1,
    },
    "stagnation": {
        "species_generations": 20,
        "measure": "max",
        "protected_species": 2,
        "population_generations": 2**31 - 1,
    },
    "reproduction": {
        "survival_rate": 0.2,
        "elites": 2,
        "elite_species_size": 0,
        "mutate_only_rate": 0.0,
        "mate_only_rate": 0.0,
        "interspecies_rate": 0.0,
        "keep_best": False,
    },
}


def test_xor_example_key_by_key():
    config, threshold, lost = config_from_ini(DATA / "neat_python_xor.ini")
    assert threshold == 3.9
    assert len(lost) == 1
    assert lost[0].startswith("[DefaultReproduction] min_species_size = 2: offspring follow fitness")
    assert config == Config(**XOR_SETTINGS)


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"num_hidden": 3}, "genome.hidden_layers", (3,)),
        ({"initial_connection": "unconnected"}, "genome.initial_connections", "none"),
        ({"initial_connection": None}, "genome.initial_connections", "none"),
        ({"initial_connection": "full_nodirect"}, "genome.initial_connections", "full"),
        ({"initial_connection": "full_direct"}, "genome.initial_connections", "full"),
        ({"initial_connection": "partial_direct 0.4"}, "genome.initial_connections", "partial"),
        ({"initial_connection": "partial_nodirect 0.4"}, "genome.initial_rate", 0.4),
        ({"activation_default": "random"}, "genome.activation", "random"),
        ({"activation_default": None}, "genome.activation", "random"),
        (
            {"activation_options": "sigmoid tanh sin gauss softplus relu"},
            "genome.activation_options",
            ("scaled_sigmoid", "scaled_tanh", "scaled_sin", "scaled_gauss", "scaled_softplus", "relu"),
        ),
        ({"aggregation_options": "sum product"}, "genome.aggregation_options", ("sum", "product")),
        ({"weight_init_type": "uniform"}, "genome.weight.distribution", "uniform"),
        ({"weight_init_type": "uniform"}, "genome.weight.spread", 2.0),
        ({"weight_init_type": "uniform", "weight_max_value": 1}, "genome.weight.mean", -0.5),
        ({"weight_init_type": "uniform", "weight_max_value": 1}, "genome.weight.spread", 1.5),
        ({"weight_mutate_rate": 0.95, "weight_replace_rate": 0.2}, "mutation.weight.replace_rate", 1 - 0.95),
        ({"enabled_rate_to_true_add": 0.2}, "mutation.enable_rate", 0.105),
        ({"enabled_rate_to_false_add": 3}, "mutation.disable_rate", 0.5),
        (
            {"single_structural_mutation": True, "structural_mutation_surer": "no"},
            "mutation.structural",
            "one",
        ),
        ({"compatibility_excess_coefficient": "auto"}, "speciation.excess_coefficient", 1.0),
        ({"compatibility_excess_coefficient": 2}, "speciation.excess_coefficient", 2.0),
        ({"compatibility_include_node_genes": False}, "speciation.node_coefficient", 0.0),
        ({"DefaultSpeciesSet__target_num_species": 12}, "speciation.threshold_mode", "adjusted"),
        ({"DefaultSpeciesSet__target_num_species": 12}, "speciation.target_species", 12),
        ({"DefaultReproduction__interspecies_crossover_prob": 0.01}, "reproduction.interspecies_rate", 0.01),
        ({"survival_threshold": 0}, "reproduction.survival_rate", 1e-9),
        ({"species_fitness_func": "mean"}, "stagnation.measure", "mean"),
        ({"NEAT__seed": 5}, "seed", 5),
    ],
)
def test_settings_with_a_counterpart_are_mapped_silently(values, field, expected):
    section = config_from_text(changed(min_species_size=1, **values))
    assert section.not_carried_over == []
    result = attrgetter(field)(section.config)
    assert result == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"fitness_criterion": "mean"}, "[NEAT] fitness_criterion = mean: fitness is maximised"),
        ({"reset_on_extinction": True}, "[NEAT] reset_on_extinction = True: there is no extinction"),
        (
            {"species_fitness_func": "median"},
            "[DefaultStagnation] species_fitness_func = median: only max and mean",
        ),
        ({"species_elitism": 0}, "[DefaultStagnation] species_elitism = 0: at least one species survives"),
        (
            {"enabled_default": "random"},
            "[DefaultGenome] enabled_default = random: new connections are enabled",
        ),
        (
            {"structural_mutation_surer": "yes"},
            "[DefaultGenome] structural_mutation_surer = yes: an addition",
        ),
        (
            {"single_structural_mutation": True},
            "[DefaultGenome] structural_mutation_surer = default: an addition",
        ),
        (
            {"initial_connection": "fs_neat"},
            "[DefaultGenome] initial_connection = fs_neat: one input for all",
        ),
        (
            {"initial_connection": "full_direct", "num_hidden": 2},
            "initial_connection = full_direct: layers are",
        ),
        ({"feed_forward": False}, "initial_connection = full: connections from nodes to themselves"),
        ({"time_constant_mutate_rate": 0.1}, "time_constant_mutate_rate = 0.1: there are no continuous-time"),
        ({"compatibility_enable_penalty": 1.0}, "compatibility_enable_penalty = 1.0: the distance ignores"),
        (
            {"DefaultSpeciesSet__target_num_species": 9, "DefaultSpeciesSet__threshold_max": 5},
            "[DefaultSpeciesSet] threshold_max = 5: an adjusted threshold has no upper bound",
        ),
        ({"DefaultReproduction__spawn_method": "smoothed"}, "spawn_method = smoothed: offspring are"),
        (
            {"DefaultReproduction__fitness_sharing": "normalized"},
            "fitness_sharing = normalized: the raw fitness",
        ),
        (
            {"weight_mutate_ratio": 3},
            "[DefaultGenome] weight_mutate_ratio = 3: not a setting of neat-python's",
        ),
    ],
)
def test_settings_without_a_counterpart_are_named(values, named):
    lost = config_from_text(changed(min_species_size=1, **values)).not_carried_over
    assert len(lost) == 1
    assert named in lost[0]


def test_files_of_the_version_before_1_and_their_missing_keys():
    text = changed(
        no_fitness_termination=None,
        min_species_size=None,
        single_structural_mutation=None,
        structural_mutation_surer=None,
        enabled_rate_to_true_add=None,
        enabled_rate_to_false_add=None,
        weight_init_type=None,
        bias_init_type=None,
        response_init_type=None,
    )
    assert config_from_text(text).config == config_from_text(XOR).config
    assert config_from_text(text).not_carried_over == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"aggregation_options": None}, {"aggregation": "sum", "aggregation_options": ("sum",)}),
        (
            {"activation_options": None},
            {"activation": "scaled_sigmoid", "activation_options": ("scaled_sigmoid",)},
        ),
        (
            {"activation_default": "relu"},
            {"activation": "relu", "activation_options": ("relu", "scaled_sigmoid")},
        ),
        ({"aggregation_default": "max"}, {"aggregation": "max", "aggregation_options": ("max", "sum")}),
        (
            {"aggregation_default": None, "aggregation_options": None},
            {"aggregation": "random", "aggregation_options": ("sum",)},
        ),
    ],
)
def test_options_can_be_missing_or_lack_the_default_as_before_1(values, expected):
    config, _, lost = config_from_text(changed(min_species_size=1, **values))
    assert {name: getattr(config.genome, name) for name in expected} == expected
    assert lost == []  # without mutation, there is no difference


def test_unknown_options_are_refused_only_if_mutation_draws_from_them():
    values = {"activation_options": "sigmoid, tanh my_sinc", "min_species_size": 1}
    config, _, lost = config_from_text(changed(**values))
    assert config.genome.activation_options == ("scaled_sigmoid",)
    assert lost == [
        "[DefaultGenome] activation_options = sigmoid, tanh my_sinc: they hold an unknown name, and nothing is "
        "drawn from them"
    ]
    for drawn in ({"activation_mutate_rate": 0.1}, {"activation_default": "random"}):
        with pytest.raises(ValueError, match=r"activation_options: activation 'sigmoid,' is not known"):
            config_from_text(changed(**values, **drawn))


def test_a_default_that_mutation_would_not_choose_is_named():
    lost = config_from_text(
        changed(min_species_size=1, activation_default="relu", activation_mutate_rate=0.1)
    ).not_carried_over
    assert lost == [
        "[DefaultGenome] activation_default = relu: it is not among the activation_options; "
        "here, mutation can choose it too"
    ]


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"conn_add_prob": 1.5}, "mutation.add_connection_rate", 1.0),
        ({"activation_mutate_rate": 2}, "mutation.activation_rate", 1.0),
        ({"survival_threshold": 1.2}, "reproduction.survival_rate", 1.0),
        ({"weight_max_value": "inf"}, "genome.weight.maximum", 3.4e38),
        ({"weight_min_value": "-1e300"}, "genome.weight.minimum", -3.4e38),
        ({"compatibility_threshold": "inf"}, "speciation.threshold", 3.4e38),
    ],
)
def test_numbers_that_mean_always_or_never(values, field, expected):
    config, _, lost = config_from_text(changed(min_species_size=1, **values))
    assert attrgetter(field)(config) == expected
    assert lost == []


def test_structural_rates_above_1_keep_their_ratios_where_one_happens():
    values = {"node_add_prob": 2, "node_delete_prob": 1, "conn_add_prob": 0.5, "conn_delete_prob": 0}
    mutation = config_from_text(changed(single_structural_mutation=True, **values)).config.mutation
    assert (mutation.add_node_rate, mutation.delete_node_rate) == (1.0, 0.5)
    assert (mutation.add_connection_rate, mutation.delete_connection_rate) == (0.25, 0.0)


@pytest.mark.parametrize(
    ("values", "named", "field", "expected"),
    [
        (
            {"weight_init_mean": 50},
            "weight_init_mean = 50: it is outside -30.0 to 30.0",
            "genome.weight.mean",
            30.0,
        ),
        (
            {"max_stagnation": 0},
            "max_stagnation = 0: a species has at least one",
            "stagnation.species_generations",
            1,
        ),
    ],
)
def test_the_nearest_value_is_used_and_reported(values, named, field, expected):
    config, _, lost = config_from_text(changed(min_species_size=1, **values))
    assert attrgetter(field)(config) == expected
    assert len(lost) == 1
    assert named in lost[0]


def test_sizes_given_as_keywords_override_those_of_the_file():
    text = changed(
        initial_connection="fs_neat", num_inputs=None, num_outputs=None, num_hidden=None, pop_size=None
    )
    sizes = {"num_inputs": 8, "num_outputs": 2, "hidden_layers": (3,)}
    config = config_from_text(text, population_size=77, genome=sizes).config
    assert (config.genome.num_inputs, config.genome.num_outputs, config.population_size) == (8, 2, 77)
    assert config.genome.hidden_layers == (3,)
    assert config.genome.initial_rate == 1 / 8
    lost = config_from_text(
        changed(initial_connection="full_direct"), genome={"hidden_layers": (3,)}
    ).not_carried_over
    assert any("the direct connections are left out" in line for line in lost)
    section = config_from_text(text, population_size=77, genome=GenomeConfig(**sizes)).config.genome
    assert section == GenomeConfig(**sizes)
    with pytest.raises(
        ValueError, match=r"^num_inputs: there is no such field; did you mean genome\.num_inputs\?"
    ):
        config_from_text(XOR, num_inputs=3)


def test_keywords_override_invalid_values_of_the_file():
    assert config_from_text(changed(pop_size=1), population_size=50).config.population_size == 50


def test_no_fitness_termination_means_no_threshold():
    text = changed(no_fitness_termination=True, fitness_threshold=None)
    assert config_from_text(text).fitness_threshold is None


def test_settings_override_the_file():
    config = config_from_text(XOR, population_size=1000, mutation={"weight": {"power": 1.0}}).config
    assert config.population_size == 1000
    assert config.mutation.weight.power == 1.0
    assert config.mutation.weight.perturb_rate == 0.8


def test_the_config_survives_toml():
    config = config_from_text(XOR).config
    assert Config.from_toml(config.to_toml()) == config


def test_an_installed_neat_python_is_an_import_error(monkeypatch):
    refuse_neat_python()
    monkeypatch.setattr(metadata, "distribution", lambda name: object())
    with pytest.raises(ImportError, match="pip uninstall neat-python"):
        refuse_neat_python()


def test_neat_python_itself_is_never_imported():
    assert "neat.nn" not in sys.modules
