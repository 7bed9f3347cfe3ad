"""neat-python's INI files and genomes, carried over.

A setting of a file that has no counterpart here is named with the reason. These differences hold for every
file:

- Genomes join the first species that fits, not the nearest. The distance divides the differences of matching
  genes by their number, not by the larger genome's size, and counts neither node genes that only one genome
  has nor whether a connection is enabled.
- Offspring follow shared fitness directly; neat-python halves the change in a species' size.
- A species has at least one parent, there at least two. There is no extinction.
- A gene disabled in either parent is disabled in the child with probability 0.75; in neat-python before 2.1
  with 0.875, or 1 if it is disabled in both.
- Equal splits of one generation get the same numbers; in neat-python they do not meet.
- "partial" draws each connection by itself; there an exact share is chosen.
- A node without enabled inputs is activation(bias); neat-python's recurrent network leaves it at 0, and in
  its feed-forward network a product of nothing is 1.
"""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any, NamedTuple

from neat import activations
from neat.config import Config
from neat.genome import Genome, GenomeError
from neat.ini import TRUE, Section

# neat-python scales what it gives to these; here the plain names mean the plain functions.
_SCALED = frozenset({"sigmoid", "tanh", "sin", "gauss", "softplus"})
_NEVER = 2**31 - 1


class Imported(NamedTuple):
    """What an INI file gives.

    Attributes:
        config: The settings.
        fitness_threshold: The file's, for `Population.run(fitness_target=…)`; None where it says not to stop.
        not_carried_over: One line for each setting without a counterpart: its name, its value and why.
    """

    config: Config
    fitness_threshold: float | None
    not_carried_over: list[str]


def config_from_ini(path: str | Path, **settings: Any) -> Imported:
    """A config from a configuration file of neat-python (0.92 to 2.1, of its default genome).

    Args:
        path: The INI file.
        **settings: Laid over what the file says, as for `Config.updated`.

    Raises:
        ValueError: The file cannot be read, lacks something, or holds a value that is not allowed.
    """
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: must be UTF-8 text") from None
    try:
        return config_from_text(text, **settings)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def config_from_text(text: str, **settings: Any) -> Imported:
    """As `config_from_ini`, from the file's text."""
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
        lost: list[str] = []
        run, genome, species, stagnation, reproduction = (
            Section(parser, name, lost)
            for name in (
                "NEAT",
                "DefaultGenome",
                "DefaultSpeciesSet",
                "DefaultStagnation",
                "DefaultReproduction",
            )
        )
    except configparser.Error as error:
        raise ValueError(f"not a configuration file of neat-python: {' '.join(str(error).split())}") from None
    threshold = _run(run)
    mapped: dict[str, Any] = {
        "population_size": run.integer("pop_size"),
        "seed": run.integer("seed", 0),
        "innovation": "generation",
        "genome": _genome(genome),
        "mutation": _mutation(genome),
        "crossover": {
            "average_rate": 0.0,
            "single_point_rate": 0.0,
            "disable_rate": 0.75,
            "equal_fitness": "smaller",
        },
        "speciation": _speciation(genome, species),
        "stagnation": _stagnation(stagnation),
        "reproduction": _reproduction(reproduction),
    }
    for section in (run, genome, species, stagnation, reproduction):
        section.drop(section.unread, "not a setting of neat-python's that has a counterpart")
    return Imported(Config(**mapped).updated(**settings), threshold, lost)


def genome(genome: Any, config: Any) -> Genome:
    """A genome of neat-python as one of ours.

    Inputs −1 … −I get the ids 0 … I−1, a node k the id I + k. Innovation numbers are kept; neat-python before
    1.0 has none, its connections are numbered in order of source and target.

    Args:
        genome: A `neat.DefaultGenome` of neat-python, or what has its `nodes` and `connections`.
        config: neat-python's `Config`, or its `genome_config`.

    Raises:
        GenomeError: Something has no counterpart or is not there; the message names it.
    """
    config = getattr(config, "genome_config", config)
    name = f"genome {getattr(genome, 'key', None)}"
    try:
        inputs, outputs = list(config.input_keys), list(config.output_keys)
        id_of = {key: position for position, key in enumerate(inputs + outputs)}
        id_of.update({key: len(inputs) + key for key in genome.nodes if key not in id_of})
        for key in set(outputs) - set(genome.nodes):
            raise ValueError(f"output {key}: there is no node gene")
        data = {
            "num_inputs": len(inputs),
            "num_outputs": len(outputs),
            "feed_forward": bool(config.feed_forward),
            "nodes": [_node(id_of[key], gene) for key, gene in genome.nodes.items()],
            "connections": _connections(genome.connections, id_of),
        }
        return Genome.from_dict(data)
    except AttributeError as error:
        raise GenomeError(f"{name}: not a genome and config of neat-python: {error}") from None
    except ValueError as error:
        raise GenomeError(f"{name}: {error}") from None


def _node(id_: int, gene: Any) -> dict[str, Any]:
    try:
        activation = _activation(gene.activation)
        activations.aggregation_index(gene.aggregation)
    except ValueError as error:
        raise ValueError(f"node {gene.key}: {error}") from None
    return {
        "id": id_,
        "bias": gene.bias,
        "response": gene.response,
        "activation": activation,
        "aggregation": gene.aggregation,
    }


def _connections(genes: dict[tuple[int, int], Any], id_of: dict[int, int]) -> list[dict[str, Any]]:
    for key in genes:
        for end in key:
            if end not in id_of:
                raise ValueError(f"connection {key}: the genome has no node {end}")
    ordered = sorted(genes.items(), key=lambda item: (id_of[item[0][0]], id_of[item[0][1]]))
    return [
        {
            "innovation": getattr(gene, "innovation", position),
            "source": id_of[key[0]],
            "target": id_of[key[1]],
            "weight": gene.weight,
            "enabled": gene.enabled,
        }
        for position, (key, gene) in enumerate(ordered)
    ]


def _activation(name: str) -> str:
    """Our name of neat-python's activation, or of one of a person's own that is registered here too."""
    ours = f"scaled_{name}" if name in _SCALED else name
    activations.activation_index(ours)
    return ours


def _run(section: Section) -> float | None:
    """The fitness threshold, if any."""
    never_stops = section.switch("no_fitness_termination", False)
    threshold = section.number("fitness_threshold", 0.0 if never_stops else None)
    criterion = section.one_of("fitness_criterion", "max", ("max", "min", "mean"))
    if criterion != "max":
        section.drop(["fitness_criterion"], "fitness is maximised, and a run stops by its best genome")
    if section.switch("reset_on_extinction", False):
        section.drop(["reset_on_extinction"], "there is no extinction: the best species survive")
    return None if never_stops else threshold


def _genome(section: Section) -> dict[str, Any]:
    num_inputs, num_hidden = section.integer("num_inputs"), section.integer("num_hidden")
    return {
        "num_inputs": num_inputs,
        "num_outputs": section.integer("num_outputs"),
        "feed_forward": section.switch("feed_forward"),
        "hidden_layers": (num_hidden,) if num_hidden else (),
        **_initial_connections(section, num_inputs, num_hidden),
        **_options(section, "activation", _activation),
        **_options(section, "aggregation", lambda name: (activations.aggregation_index(name), name)[1]),
        **{name: _initial_value(section, name) for name in ("weight", "bias", "response")},
    }


def _initial_connections(section: Section, num_inputs: int, num_hidden: int) -> dict[str, Any]:
    key = "initial_connection"
    kind, _, rate = section.text(key, "unconnected").partition(" ")
    if kind == "unconnected":
        return {"initial_connections": "none"}
    if kind in ("fs_neat", "fs_neat_nohidden", "fs_neat_hidden"):
        section.drop(
            [key], "one input for all outputs is no choice; each connection has probability 1/inputs"
        )
        return {"initial_connections": "partial", "initial_rate": 1 / max(1, num_inputs)}
    if kind.removesuffix("_nodirect").removesuffix("_direct") not in ("full", "partial"):
        allowed = "unconnected, fs_neat…, full… or partial… with a share"
        raise ValueError(f"[DefaultGenome] {key}: must be {allowed}, got {kind!r}")
    if kind.endswith("_direct") and num_hidden:
        section.drop([key], "layers are connected to the next alone; the direct connections are left out")
    if not section.switch("feed_forward"):
        section.drop([key], "the connections of nodes to themselves are left out")
    if kind.startswith("full"):
        return {"initial_connections": "full"}
    try:
        return {"initial_connections": "partial", "initial_rate": float(rate)}
    except ValueError:
        raise ValueError(f"[DefaultGenome] {key}: must hold a share after {kind}, got {rate!r}") from None


def _options(section: Section, kind: str, parse: Any) -> dict[str, Any]:
    options = section.names(f"{kind}_options", parse)
    default = section.text(f"{kind}_default", "random")
    if default.lower() in ("none", "random"):
        return {kind: "random", f"{kind}_options": options}
    return {kind: section.names(f"{kind}_default", parse)[0], f"{kind}_options": options}


def _initial_value(section: Section, name: str) -> dict[str, Any]:
    mean, deviation = section.number(f"{name}_init_mean"), section.number(f"{name}_init_stdev")
    least, greatest = section.number(f"{name}_min_value"), section.number(f"{name}_max_value")
    key = f"{name}_init_type"
    bounds = {"minimum": least, "maximum": greatest}
    kind = section.text(key, "gaussian").lower()
    if "gauss" in kind or "normal" in kind:
        return {"mean": mean, "spread": deviation, "distribution": "normal", **bounds}
    if "uniform" not in kind:
        raise ValueError(f"[DefaultGenome] {key}: must be gaussian, normal or uniform, got {kind!r}")
    low, high = max(least, mean - 2 * deviation), min(greatest, mean + 2 * deviation)
    return {"mean": (low + high) / 2, "spread": (high - low) / 2, "distribution": "uniform", **bounds}


def _mutation(section: Section) -> dict[str, Any]:
    # A gene that neat-python chooses to mutate is enabled or disabled by the toss of a coin.
    toggled = section.number("enabled_mutate_rate")
    enabled = toggled + section.number("enabled_rate_to_true_add", 0.0)
    disabled = toggled + section.number("enabled_rate_to_false_add", 0.0)
    if section.text("enabled_default").lower() not in TRUE:
        section.drop(["enabled_default"], "new connections are enabled")
    single = section.switch("single_structural_mutation", False)
    surer = section.text("structural_mutation_surer", "default").lower()
    if surer in TRUE or (surer == "default" and single):
        section.drop(["structural_mutation_surer"], "an addition that is not possible is left out")
    if any(section.number(f"time_constant_{what}_rate", 0.0) > 0 for what in ("mutate", "replace")):
        why = "there are no continuous-time networks"
        section.drop(["time_constant_mutate_rate", "time_constant_replace_rate"], why)
    section.ignore(key for key in section.unread if key.startswith("time_constant_"))
    return {
        "add_node_rate": section.number("node_add_prob"),
        "add_connection_rate": section.number("conn_add_prob"),
        "delete_node_rate": section.number("node_delete_prob"),
        "delete_connection_rate": section.number("conn_delete_prob"),
        "structural": "one" if single else "all",
        "split_oldest_rate": 0.0,
        "add_connection_tries": 1,
        "enable_rate": min(1.0, enabled) / 2,
        "disable_rate": min(1.0, disabled) / 2,
        "activation_rate": section.number("activation_mutate_rate"),
        "aggregation_rate": section.number("aggregation_mutate_rate"),
        **{name: _value_mutation(section, name) for name in ("weight", "bias", "response")},
    }


def _value_mutation(section: Section, name: str) -> dict[str, Any]:
    # neat-python draws one number and asks first for the perturbation, so replacement gets what is left of 1.
    perturb = min(1.0, section.number(f"{name}_mutate_rate"))
    return {
        "genome_rate": 1.0,
        "perturb_rate": perturb,
        "replace_rate": min(section.number(f"{name}_replace_rate"), 1.0 - perturb),
        "power": section.number(f"{name}_mutate_power"),
        "distribution": "normal",
    }


def _speciation(genome: Section, species: Section) -> dict[str, Any]:
    disjoint = genome.number("compatibility_disjoint_coefficient")
    weight = genome.number("compatibility_weight_coefficient")
    excess = genome.text("compatibility_excess_coefficient", "auto").lower()
    with_nodes = genome.switch("compatibility_include_node_genes", True)
    if genome.number("compatibility_enable_penalty", 0.0) != 0:
        genome.drop(
            ["compatibility_enable_penalty"], "whether a connection is enabled is no part of the distance"
        )
    threshold = species.number("compatibility_threshold")
    settings = {
        "excess_coefficient": disjoint
        if excess == "auto"
        else genome.number("compatibility_excess_coefficient"),
        "disjoint_coefficient": disjoint,
        "weight_coefficient": weight,
        "node_coefficient": weight if with_nodes else 0.0,
        "normalise_from": 1,
        "threshold": threshold,
        "threshold_mode": "fixed",
    }
    target = species.text("target_num_species", "none").lower()
    step = species.number("threshold_adjust_rate", 0.1)
    lowest = species.number("threshold_min", 0.1)
    if target == "none":
        species.ignore(["threshold_max"])
        return settings
    species.drop(["threshold_max"], "an adjusted threshold has no upper bound")
    species.drop(
        ["threshold_adjust_rate"], "a step is a share of the threshold here; taken as one of the first"
    )
    return {
        **settings,
        "threshold_mode": "adjusted",
        "target_species": species.integer("target_num_species"),
        "threshold_step": step / threshold if threshold else step,
        "minimum_threshold": lowest,
    }


def _stagnation(section: Section) -> dict[str, Any]:
    measure = section.one_of("species_fitness_func", "mean", ("max", "mean", "median", "min"))
    if measure in ("median", "min"):
        section.drop(["species_fitness_func"], "the choices are max and mean; mean is taken")
    protected = section.integer("species_elitism", 0)
    if protected == 0:
        section.drop(["species_elitism"], "at least one species survives stagnation")
    return {
        "species_generations": section.integer("max_stagnation", 15),
        "measure": "max" if measure == "max" else "mean",
        "protected_species": max(1, protected) if protected >= 0 else protected,
        "population_generations": _NEVER,  # neat-python knows the stagnation of species alone
    }


def _reproduction(section: Section) -> dict[str, Any]:
    if section.integer("min_species_size", 1) > 1:
        section.drop(["min_species_size"], "offspring follow fitness; a species may have one child or none")
    if section.text("fitness_sharing", "canonical").lower() != "canonical":
        section.drop(["fitness_sharing"], "the raw fitness is shared, as in the paper")
    if section.text("spawn_method", "proportional").lower() != "proportional":
        section.drop(["spawn_method"], "offspring are in proportion to shared fitness, as in the paper")
    return {
        "survival_rate": section.number("survival_threshold", 0.2) or 1e-9,
        "elites": section.integer("elitism", 0),
        "elite_species_size": 0,
        "mutate_only_rate": 0.0,
        "mate_only_rate": 0.0,
        "interspecies_rate": section.number("interspecies_crossover_prob", 0.0),
        "keep_best": False,
    }
