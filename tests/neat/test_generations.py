"""Every generation of a run keeps every rule, whatever the settings are."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import neat
from tests.support.evolving import SCHEMES, as_bytes, ends, evolve

RATES = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@st.composite
def wild_settings(draw):
    def rates(*names):
        return {name: draw(RATES) for name in names}

    first = draw(st.sampled_from([0.0, 0.3, 1.0]))
    options = draw(st.sampled_from([("tanh",), ("relu", "gauss", "sin")]))
    value = {"perturb_rate": 0.5, "replace_rate": draw(st.sampled_from([0.0, 0.5]))}
    return {
        "seed": draw(st.integers(0, 2**63 - 1)),
        "population_size": draw(st.integers(2, 40)),
        **draw(st.sampled_from(SCHEMES)),
        "genome": {
            "num_inputs": draw(st.integers(1, 4)),
            "num_outputs": draw(st.integers(1, 3)),
            "bias_input": draw(st.booleans()),
            "feed_forward": draw(st.booleans()),
            "initial_connections": draw(st.sampled_from(["full", "partial", "none"])),
            "hidden_layers": draw(st.sampled_from([(), (1,), (3, 2)])),
            "activation": options[0] if draw(st.booleans()) else "random",
            "activation_options": options,
            "output_activation": draw(st.sampled_from([None, "sigmoid"])),
        },
        "mutation": {
            **rates(
                "add_node_rate", "add_connection_rate", "delete_node_rate", "delete_connection_rate",
                "enable_rate", "disable_rate", "activation_rate", "aggregation_rate",
            ),
            "structural": draw(st.sampled_from(["all", "one", "alone"])),
            "weight": {**value, "distribution": draw(st.sampled_from(["normal", "uniform"]))},
            "response": value,
        },
        "crossover": {
            "average_rate": first,
            "single_point_rate": draw(st.sampled_from([0.0, 1 - first])),
            "equal_fitness": draw(st.sampled_from(["both", "smaller"])),
        },
        "speciation": {
            "threshold": draw(st.sampled_from([0.2, 1.0, 100.0])),
            "node_coefficient": draw(st.sampled_from([0.0, 0.5])),
            "threshold_mode": draw(st.sampled_from(["fixed", "adjusted"])),
        },
        "reproduction": {
            **rates("mutate_only_rate", "mate_only_rate", "interspecies_rate"),
            "elites": draw(st.integers(0, 3)),
            "survival_rate": draw(st.sampled_from([0.01, 0.5, 1.0])),
            "keep_best": draw(st.booleans()),
        },
        "stagnation": {"species_generations": draw(st.integers(1, 5))},
    }  # fmt: skip


@given(wild_settings(), st.sampled_from([None, 1, 3]))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_generation_keeps_every_rule(values, levels):
    config = neat.Config(**values)
    size, genome = config.population_size, config.genome
    population = neat.Population(config)
    for generation in range(8):
        genomes = population.ask()
        genomes.check()
        arrays = genomes.arrays
        assert len(genomes) == size
        assert (genomes.generation, population.generation) == (generation, generation)
        if config.innovation not in (
            "generation",
            "unshared",
        ):  # a number still means the link that it was given to
            numbers = population.innovations.number_links(*ends(genomes))
            assert np.array_equal(numbers, arrays.connection_innovation)
        bound = genome.weight.maximum
        assert np.abs(arrays.connection_weight).max(initial=0) <= bound
        outputs = arrays.node_id < genomes.input_count + genome.num_outputs
        assert outputs.sum() == size * genome.num_outputs
        if genome.output_activation:
            names = {neat.activations.ACTIVATIONS[index].name for index in arrays.node_activation[outputs]}
            assert names == {"sigmoid"}
        before = genomes.take(np.arange(size))
        evolve(population, 1, levels)

        parents, birth = population.parents, population.birth
        assert parents.shape == (size, 2)
        assert (parents[:, 0] >= 0).all()
        assert (parents < size).all()
        assert (parents[:, 0] != parents[:, 1]).all()
        assert (birth <= generation + 1).all()
        assert as_bytes(genomes.arrays) == as_bytes(before.arrays)
        row, species = population.history.last, population.history.last_species
        assert species["size"].sum() == species["offspring"].sum() == size
        assert (species["size"] > 0).all()
        assert row["species"] == len(species)
        assert row["evaluations"] == size * (generation + 1)
        assert row["connections"] * size == pytest.approx(len(arrays.connection_weight))
        assert row["enabled_connections"] * size == pytest.approx(arrays.connection_enabled.sum())
        assert row["hidden_nodes"] * size == pytest.approx(len(arrays.node_id) - size * genome.num_outputs)
        population.genomes.with_arrays(population.species.representative).check()
    population.genomes.check()
