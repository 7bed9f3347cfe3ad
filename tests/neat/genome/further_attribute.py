"""Run by test_schema.py, uncompiled, in a copy of the library whose table may have a time constant of nodes.

Prints a digest of all else that a run comes to, and fails unless the time constant is treated as the other numbers are.
"""

import functools
import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np

import evaluators
import neat
from evaluators.cpu.compilation import as_compiled
from neat.evolution.speciation import compatibility_distance
from neat.genome import schema
from tests.support.evolving import evolve, make_children, make_config
from tests.support.uncompiled import readable_records

# What draws after the time constants mutate could be shifted by them.
SETTINGS = {
    "crossover": {"average_rate": 0.3, "single_point_rate": 0.3},
    "mutation": {
        "add_node_rate": 0.5,
        "weight": {"genome_rate": 0.7},
        "enable_rate": 0.3,
        "disable_rate": 0.1,
    },
}


@functools.cache
def population():
    return evolved()


def evolved(**settings):
    return evolve(neat.Population(make_config(population_size=20, **{**SETTINGS, **settings})), 6)


def digest(run):
    known = [
        array.tobytes()
        for name, array in run.genomes.arrays._asdict().items()
        if name != "node_time_constant"
    ]
    return hashlib.sha256(b"".join([*known, run.history.generations.tobytes()])).hexdigest()


def constants(genomes):
    return genomes.arrays.node_time_constant


def check_settings():
    config = population().config
    assert config.genome.time_constant.mean == 2.0
    assert config.mutation.time_constant.power == 0.125
    assert neat.Config.from_toml(config.to_toml()) == config


def check_first_values():
    first = {"mean": 2.0, "spread": 9.0, "minimum": 0.5}
    genomes = neat.Population(make_config(population_size=40, genome={"time_constant": first})).genomes
    values = constants(genomes)
    assert len(np.unique(values)) > len(values) / 3
    assert values.min() == 0.5
    assert values.max() <= 30
    assert not np.isin(values, genomes.arrays.node_bias).any(), "a random stream of its own"


def check_mutation():
    genomes = population().genomes
    assert len(np.unique(constants(genomes))) > len(genomes)
    assert constants(genomes).min() >= 0.5
    still = {"time_constant": {"perturb_rate": 0.0, "replace_rate": 0.0}}
    genomes = evolved(mutation=still, crossover={"average_rate": 0.0, "single_point_rate": 0.0}).genomes
    assert (constants(genomes) == 2.0).all()
    assert len(genomes.arrays.node_id) > 2 * len(genomes), "new nodes have it too"


def check_crossover():
    parents = neat.Genomes.from_list(
        [
            {
                "num_inputs": 3,
                "num_outputs": 2,
                "nodes": [{"id": id_, "time_constant": value} for id_ in (3, 4)],
                "connections": [{"innovation": 0, "source": 0, "target": 3, "weight": 1.0}],
            }
            for value in (4.0, 8.0)
        ]
    )
    for rate, expected in ((0.0, {4.0, 8.0}), (1.0, {6.0})):
        config = make_config(crossover={"average_rate": rate})
        children, _ = make_children(config, parents, [0] * 20, [1] * 20)
        assert set(constants(children).tolist()) == expected


def check_distance():
    data = population().genomes[0].to_dict()
    other = {
        **data,
        "nodes": [{**node, "time_constant": node["time_constant"] + 3} for node in data["nodes"]],
    }
    first, second = map(neat.Genome.from_dict, (data, other))
    config = make_config(speciation={"node_coefficient": 0.5})
    assert abs(compatibility_distance(first, second, config) - 1.5) < 1e-5


def check_files():
    genomes = population().genomes
    with tempfile.TemporaryDirectory() as folder:
        neat.checkpoint.save(population(), Path(folder) / "run")
        loaded = neat.checkpoint.load(Path(folder) / "run")
    np.testing.assert_array_equal(constants(loaded.genomes), constants(genomes))
    for genome in genomes:
        assert neat.Genome.from_dict(genome.to_dict()) == genome
        assert genome.nodes[0]["time_constant"] == float(str(constants(genome.genomes)[0]))
    wrong = genomes.take([0])
    wrong.arrays.node_time_constant[0] = np.nan
    try:
        wrong.check()
    except ValueError as error:
        assert "time constants must be finite" in str(error)
    else:
        raise AssertionError("expected an error")


def check_programs():
    genomes = population().genomes
    networks = evaluators.compile(genomes)
    programs = networks.programs
    for g in range(len(genomes)):
        first = programs.node_start[g]
        nodes = slice(first, first + programs.node_count[g])
        expected = constants(genomes)[genomes.arrays.node_offset[g] : genomes.arrays.node_offset[g + 1]]
        biases = genomes.arrays.node_bias[genomes.arrays.node_offset[g] : genomes.arrays.node_offset[g + 1]]
        of = dict(zip(biases.tolist(), expected.tolist(), strict=True))
        assert programs.node_count[g] >= 2
        for node in range(nodes.start, nodes.stop):
            assert programs.node_time_constant[node] == of[programs.node_bias[node].item()]


def check_programs_of_a_gpu():
    genomes = population().genomes
    check_device_programs(genomes, genomes)
    check_device_programs(genomes, as_compiled(genomes))


def check_device_programs(genomes, networks):
    """A GPU has the same programs, whether it compiles genomes or gets programs."""
    from evaluators.gpu.memory import DevicePrograms, copy_to_device
    from evaluators.gpu.program_layout import program_at
    from evaluators.gpu.workspace import Workspace

    on_cpu = evaluators.compile(genomes).programs
    work = Workspace("cuda:0")
    with work.arrays.current():
        programs = DevicePrograms(copy_to_device(work, networks, 0, len(genomes)), 4, by_size=True)
        words = work.get("program")
    for place, g in enumerate(programs.layout.order):
        program = program_at(place, 4, programs.layout, words, words.view(np.float32), 2)
        count, first = program.node_count[0], on_cpu.node_start[g]
        assert count == on_cpu.node_count[g]
        for name in ("node_bias", "node_time_constant", "node_aggregation", "link_end"):
            got, expected = getattr(program, name)[:count], getattr(on_cpu, name)[first : first + count]
            if name == "link_end":
                expected = expected - on_cpu.link_start[g]
            np.testing.assert_array_equal(got, expected)


def main(device):
    with readable_records():
        print(digest(population()))
        if "time_constant" in [row.name for row in schema.ATTRIBUTES]:
            if device == "cuda":
                check_programs_of_a_gpu()
            else:
                for check in (
                    check_settings,
                    check_first_values,
                    check_mutation,
                    check_crossover,
                    check_distance,
                    check_files,
                    check_programs,
                ):
                    check()


if __name__ == "__main__":
    main(sys.argv[1])
