"""Convert neat-python's INI files and genomes: `config_from_ini`, `genome` and `genome_from_json`.

Each setting of a file without a counterpart here is reported with the reason. For every file, batchneat and neat-python
differ in these ways:

- A genome joins the first compatible species, not the nearest. The distance divides the differences of matching
  genes by their number, not by the larger genome's size. It ignores node genes that only one genome has, and whether
  a connection is enabled.
- The number of offspring follows shared fitness directly; neat-python halves the change in a species' size.
- A species has at least one parent, in neat-python at least two. There is no extinction.
- A gene disabled in either parent is disabled in the child with probability 0.75. In neat-python before 2.1, the
  probability is 0.875, or 1 if the gene is disabled in both.
- Equal splits in one generation get the same innovation numbers; in neat-python they get different ones.
- "partial" draws each connection independently; neat-python chooses an exact share.
- A node without enabled inputs computes activation(bias). neat-python's recurrent network leaves it at 0. Its
  feed-forward network leaves it at 0 up to 1.0, and before 1.0 also the nodes that it leads to. From 1.1 on it agrees
  with batchneat, except that an empty product is 1. A UserWarning names such nodes of a genome.
"""

from __future__ import annotations

from collections.abc import Callable
from configparser import RawConfigParser
from pathlib import Path
from typing import Any, NamedTuple

from neat.config.config import Config, merge
from neat.config.models import GREATEST
from neat.genome.from_neat_python import activation_name, convert, convert_json
from neat.genome.genome import Genome
from neat.genome.plain_data import known_aggregation
from neat.io.ini import TRUE, Section, parse
from neat.support.messages import quote, restate_errors
from neat.support.text_files import MOST_SETTINGS_BYTES, read_text, shorten_path

__all__ = ["Imported", "config_from_ini", "config_from_text", "genome", "genome_from_json"]

_CONNECTIVITY = (
    "unconnected", "fs_neat", "fs_neat_nohidden", "fs_neat_hidden",
    "full", "full_direct", "full_nodirect", "partial", "partial_direct", "partial_nodirect",
)  # fmt: skip
_NEVER = 2**31 - 1


class Imported(NamedTuple):
    """The result of converting an INI file.

    Attributes:
        config: The settings.
        fitness_threshold: The file's, for `Population.run(fitness_target=…)`; None if it disables the threshold.
        not_carried_over: A line for each setting without a counterpart: its name, its value and the reason.
    """

    config: Config
    fitness_threshold: float | None
    not_carried_over: list[str]


def config_from_ini(path: str | Path, **settings: Any) -> Imported:
    """Return the config from a configuration file of neat-python (0.92 to 2.1, for its default genome).

    Args:
        path: The INI file.
        **settings: Override those of the file, as for `Config.updated`.

    Raises:
        ValueError: The file cannot be read, lacks a setting, or has a value that is not allowed.
    """
    text = read_text(path, MOST_SETTINGS_BYTES)
    with restate_errors(f"{shorten_path(path)}: "):
        return config_from_text(text, **settings)


def config_from_text(text: str, **settings: Any) -> Imported:
    """Return the config from the text of a configuration file, like `config_from_ini` from its path."""
    sections = parse(text)
    _override_sizes(sections, settings)
    dropped: list[str] = []
    run, genome, species, stagnation, reproduction = (
        Section(sections, name, dropped)
        for name in ("NEAT", "DefaultGenome", "DefaultSpeciesSet", "DefaultStagnation", "DefaultReproduction")
    )
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
        section.drop(section.unread, "not a setting of neat-python's with a counterpart here")
    return Imported(Config(**merge(mapped, settings)), threshold, dropped)


def genome(genome: Any, config: Any) -> Genome:
    """Convert a genome of neat-python.

    Inputs −1 … −I get the ids 0 … I−1, a node k gets the id I + k. Innovation numbers are kept. Before 1.0, neat-python
    has none; connections are then numbered in order of source and target. A UserWarning names the nodes that
    neat-python computes differently.

    Args:
        genome: A `neat.DefaultGenome` of neat-python, or an object with the same `nodes` and `connections`.
        config: neat-python's `Config`, or its `genome_config`.

    Raises:
        GenomeError: A part of the genome is missing or has no counterpart; the message names it.
    """
    return convert(genome, config, Genome.from_dict)


def genome_from_json(path: str | Path) -> Genome:
    """Read a genome from JSON that neat-python's `export_network_json` or `docs/export_neat_python.py` wrote.

    The former has only the nodes and connections that the outputs depend on, the latter all genes. Ids, innovation
    numbers and warnings are the same as those of `genome`.

    Args:
        path: The file.

    Raises:
        GenomeError: The file cannot be read, is not such JSON, or has a part without a counterpart; the message
            names the file.
    """
    return convert_json(path, Genome.from_dict)


def _override_sizes(sections: RawConfigParser, settings: dict[str, Any]) -> None:
    """Replace sizes of the file by the caller's before reading, because other settings are derived from them."""
    given = merge({}, settings)
    genome = given["genome"] if isinstance(given.get("genome"), dict) else {}
    sizes = [("NEAT", "pop_size", given.get("population_size"))]
    sizes += [("DefaultGenome", name, genome.get(name)) for name in ("num_inputs", "num_outputs")]
    if isinstance(genome.get("hidden_layers"), list | tuple):  # only zero or not matters
        sizes.append(("DefaultGenome", "num_hidden", len(genome["hidden_layers"])))
    for section, key, value in sizes:
        if value is not None and sections.has_section(section):
            sections.set(section, key, str(value))


def _run(section: Section) -> float | None:
    """Return the fitness threshold, or None if the file disables it."""
    never_stops = section.switch("no_fitness_termination", False)
    threshold = section.number("fitness_threshold", 0.0 if never_stops else None)
    criterion = section.one_of("fitness_criterion", "max", ("max", "min", "mean"))
    if criterion != "max":
        section.drop(["fitness_criterion"], "fitness is maximised, and only the best genome can stop a run")
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
        **_options(section, "activation", activation_name, "sigmoid"),
        **_options(section, "aggregation", known_aggregation, "sum"),
        **{name: _initial_value(section, name) for name in ("weight", "bias", "response")},
    }


def _initial_connections(section: Section, num_inputs: int, num_hidden: int) -> dict[str, Any]:
    key = "initial_connection"
    value = section.text(key, "unconnected")
    kind, _, rate = value.partition(" ")
    if kind not in _CONNECTIVITY or (rate and not kind.startswith("partial")):
        allowed = "unconnected, fs_neat…, full… or partial… with a share"
        raise ValueError(f"[DefaultGenome] {key}: must be {allowed}, got {quote(value)}")
    if kind == "unconnected":
        return {"initial_connections": "none"}
    if kind.startswith("fs_neat"):
        section.drop(
            [key], "one input for all outputs is not supported; each connection has probability 1/inputs"
        )
        return {"initial_connections": "partial", "initial_rate": 1 / max(1, num_inputs)}
    if kind.endswith("_direct") and num_hidden:
        section.drop([key], "layers are connected only to the next; the direct connections are left out")
    if not section.switch("feed_forward"):
        section.drop([key], "connections from nodes to themselves are left out")
    if kind.startswith("full"):
        return {"initial_connections": "full"}
    try:
        return {"initial_connections": "partial", "initial_rate": float(rate)}
    except ValueError:
        raise ValueError(
            f"[DefaultGenome] {key}: must hold a share after {kind}, got {quote(rate)}"
        ) from None


def _options(section: Section, kind: str, parse_name: Callable[[str], str], only: str) -> dict[str, Any]:
    default = section.text(f"{kind}_default", "random")
    if default.lower() in ("none", "random"):
        return {kind: "random", f"{kind}_options": section.names(f"{kind}_options", parse_name, only)}
    with restate_errors(f"[DefaultGenome] {kind}_default: "):
        name = parse_name(default)
    mutates = section.number(f"{kind}_mutate_rate") > 0
    try:
        options = section.names(f"{kind}_options", parse_name, only)
    except ValueError:
        if mutates:
            raise
        section.drop([f"{kind}_options"], "they hold an unknown name, and nothing is drawn from them")
        options = []
    if name not in options:  # neat-python before 1.0 allows this; mutation then never chooses it
        if mutates:
            why = f"it is not among the {kind}_options; here, mutation can choose it too"
            section.drop([f"{kind}_default"], why)
        options = [name, *options]
    return {kind: name, f"{kind}_options": options}


def _initial_value(section: Section, name: str) -> dict[str, Any]:
    least, greatest = (_within_float32(section.number(f"{name}_{end}_value")) for end in ("min", "max"))
    mean, deviation = section.number(f"{name}_init_mean"), section.number(f"{name}_init_stdev")
    if least <= greatest and (mean < least or mean > greatest):
        section.drop([f"{name}_init_mean"], f"it is outside {least} to {greatest}; the nearer bound is used")
        mean = min(max(mean, least), greatest)
    key = f"{name}_init_type"
    bounds = {"minimum": least, "maximum": greatest}
    kind = section.text(key, "gaussian").lower()
    if "gauss" in kind or "normal" in kind:
        return {"mean": mean, "spread": deviation, "distribution": "normal", **bounds}
    if "uniform" not in kind:
        raise ValueError(f"[DefaultGenome] {key}: must be gaussian, normal or uniform, got {quote(kind)}")
    low, high = max(least, mean - 2 * deviation), min(greatest, mean + 2 * deviation)
    return {"mean": (low + high) / 2, "spread": (high - low) / 2, "distribution": "uniform", **bounds}


def _within_float32(number: float) -> float:
    """Clip a bound such as infinity to the range of float32."""
    return min(max(number, -GREATEST), GREATEST)


def _rate(section: Section, key: str, default: float | None = None) -> float:
    """Return a probability; neat-python treats numbers above 1 as 1."""
    return min(section.number(key, default), 1.0)


def _mutation(section: Section) -> dict[str, Any]:
    # neat-python enables or disables a gene that it chooses to mutate with equal probability.
    toggled = section.number("enabled_mutate_rate")
    enabled = toggled + section.number("enabled_rate_to_true_add", 0.0)
    disabled = toggled + section.number("enabled_rate_to_false_add", 0.0)
    if section.text("enabled_default").lower() not in TRUE:
        section.drop(["enabled_default"], "new connections are enabled")
    single = section.switch("single_structural_mutation", False)
    surer = section.text("structural_mutation_surer", "default").lower()
    if surer in TRUE or (surer == "default" and single):
        section.drop(["structural_mutation_surer"], "an addition that is impossible is skipped")
    if any(section.number(f"time_constant_{what}_rate", 0.0) > 0 for what in ("mutate", "replace")):
        why = "there are no continuous-time networks"
        section.drop(["time_constant_mutate_rate", "time_constant_replace_rate"], why)
    section.ignore(key for key in section.unread if key.startswith("time_constant_"))
    return {
        **_structural_rates(section, single),
        "structural": "one" if single else "all",
        "split_oldest_rate": 0.0,
        "add_connection_tries": 1,
        "enable_rate": min(1.0, enabled) / 2,
        "disable_rate": min(1.0, disabled) / 2,
        "activation_rate": _rate(section, "activation_mutate_rate"),
        "aggregation_rate": _rate(section, "aggregation_mutate_rate"),
        **{name: _value_mutation(section, name) for name in ("weight", "bias", "response")},
    }


def _structural_rates(section: Section, single: bool) -> dict[str, float]:
    rates = {
        f"{verb}_{what}_rate": section.number(f"{theirs}_{verb}_prob")
        for what, theirs in (("node", "node"), ("connection", "conn"))
        for verb in ("add", "delete")
    }
    # If at most one mutation happens, only the ratios of rates that sum to more than 1 matter.
    greatest = max(1.0, *rates.values()) if single else 1.0
    return {name: min(rate / greatest, 1.0) for name, rate in rates.items()}


def _value_mutation(section: Section, name: str) -> dict[str, Any]:
    # neat-python compares one random number first with the perturbation rate, so replacement gets at most the rest.
    perturb = _rate(section, f"{name}_mutate_rate")
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
        genome.drop(["compatibility_enable_penalty"], "the distance ignores whether a connection is enabled")
    threshold = _within_float32(species.number("compatibility_threshold"))
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
        ["threshold_adjust_rate"],
        "a step is a share of the threshold here; it is converted with the initial one",
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
        section.drop(["species_fitness_func"], "only max and mean are supported; mean is used")
    protected = section.integer("species_elitism", 0)
    if protected == 0:
        section.drop(["species_elitism"], "at least one species survives stagnation")
    generations = section.integer("max_stagnation", 15)
    if generations < 1:
        section.drop(["max_stagnation"], "a species has at least one generation to improve")
    return {
        "species_generations": max(1, generations),
        "measure": "max" if measure == "max" else "mean",
        "protected_species": max(1, protected) if protected >= 0 else protected,
        "population_generations": _NEVER,  # in neat-python, only species stagnate
    }


def _reproduction(section: Section) -> dict[str, Any]:
    if section.integer("min_species_size", 1) > 1:
        section.drop(["min_species_size"], "offspring follow fitness; a species may have one child or none")
    if section.text("fitness_sharing", "canonical").lower() != "canonical":
        section.drop(["fitness_sharing"], "the raw fitness is shared, as in the paper")
    if section.text("spawn_method", "proportional").lower() != "proportional":
        section.drop(["spawn_method"], "offspring are in proportion to shared fitness, as in the paper")
    return {
        "survival_rate": _rate(section, "survival_threshold", 0.2) or 1e-9,
        "elites": section.integer("elitism", 0),
        "elite_species_size": 0,
        "mutate_only_rate": 0.0,
        "mate_only_rate": 0.0,
        "interspecies_rate": _rate(section, "interspecies_crossover_prob", 0.0),
        "keep_best": False,
    }
