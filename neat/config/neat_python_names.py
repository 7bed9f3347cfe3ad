"""Map neat-python's names of settings to batchneat's, for messages about unknown names."""

from __future__ import annotations

from neat.genome.schema import NUMBERS

_VALUES = {
    f"{kind}_{theirs}": f"{section}.{kind}.{ours}"
    for kind in (row.name for row in NUMBERS)
    for theirs, section, ours in (
        ("init_mean", "genome", "mean"),
        ("init_stdev", "genome", "spread"),
        ("init_type", "genome", "distribution"),
        ("min_value", "genome", "minimum"),
        ("max_value", "genome", "maximum"),
        ("mutate_rate", "mutation", "perturb_rate"),
        ("replace_rate", "mutation", "replace_rate"),
        ("mutate_power", "mutation", "power"),
    )
}

OTHER_NAMES = {
    **_VALUES,
    "pop_size": "population_size",
    "fitness_threshold": "fitness_target, an argument of Population.run",
    "fitness_target": "fitness_target, an argument of Population.run",
    "generations": "generations, an argument of Population.run",
    "num_hidden": "genome.hidden_layers",
    "initial_connection": "genome.initial_connections",
    "activation_default": "genome.activation",
    "activation_mutate_rate": "mutation.activation_rate",
    "aggregation_default": "genome.aggregation",
    "aggregation_mutate_rate": "mutation.aggregation_rate",
    "node_add_prob": "mutation.add_node_rate",
    "node_delete_prob": "mutation.delete_node_rate",
    "conn_add_prob": "mutation.add_connection_rate",
    "conn_delete_prob": "mutation.delete_connection_rate",
    "enabled_mutate_rate": "mutation.enable_rate and mutation.disable_rate",
    "single_structural_mutation": "mutation.structural",
    "compatibility_threshold": "speciation.threshold",
    "compatibility_disjoint_coefficient": "speciation.disjoint_coefficient",
    "compatibility_excess_coefficient": "speciation.excess_coefficient",
    "compatibility_weight_coefficient": "speciation.weight_coefficient",
    "target_num_species": "speciation.target_species",
    "threshold_adjust_rate": "speciation.threshold_step",
    "threshold_min": "speciation.minimum_threshold",
    "max_stagnation": "stagnation.species_generations",
    "species_fitness_func": "stagnation.measure",
    "species_elitism": "stagnation.protected_species",
    "elitism": "reproduction.elites",
    "survival_threshold": "reproduction.survival_rate",
    "interspecies_crossover_prob": "reproduction.interspecies_rate",
}
"""The name or hint to suggest for each of neat-python's names."""
