"""The sections of a config, as frozen, validated models, and the numbers and words that settings may be."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import FailFast, Field, model_validator

from neat.config.choices import Distribution, EqualFitness, Measure, Normalisation, Structural
from neat.config.neat_python_names import OTHER_NAMES
from neat.genome.plain_data import ActivationName, AggregationName
from neat.support.messages import shown
from neat.support.validation import NOT_TEXT, Model

Rate = Annotated[float, Field(ge=0, le=1), NOT_TEXT]
# Kernels hold numbers as float32, whose greatest is a little above this.
Number = Annotated[float, Field(ge=-3.4e38, le=3.4e38), NOT_TEXT]
NonNegative = Annotated[float, Field(ge=0, le=3.4e38), NOT_TEXT]
Positive = Annotated[float, Field(gt=0, le=3.4e38), NOT_TEXT]
Count = Annotated[int, Field(ge=0, lt=2**31), NOT_TEXT]
OneOrMore = Annotated[int, Field(ge=1, lt=2**31), NOT_TEXT]
Size = Annotated[int, Field(ge=1, lt=2**24), NOT_TEXT]  # a slip of the pen shall not fill the memory

DistributionWord = Annotated[Literal["normal", "uniform"], Distribution]


class Settings(Model):
    """A config or one of its sections."""

    other_names = OTHER_NAMES

    def _change_hint(self, name: str, value: str) -> str:
        return f"use config.updated(…), with {{{name!r}: {value}}} for the section"


class InitialValue(Settings):
    """Where a weight, bias or response starts, and the bounds that it keeps for life."""

    mean: Number = 0.0
    """Centre of the initial values."""
    spread: NonNegative = 1.0
    """Standard deviation of a normal distribution, half the width of a uniform one."""
    distribution: DistributionWord = "normal"
    """Distribution of the initial values."""
    minimum: Number = -30.0
    """Least value, at all times."""
    maximum: Number = 30.0
    """Greatest value, at all times."""

    @model_validator(mode="after")
    def _ordered(self) -> InitialValue:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum: must not exceed maximum {self.maximum}, got {self.minimum}")
        if not self.minimum <= self.mean <= self.maximum:
            raise ValueError(
                f"mean: must lie from minimum {self.minimum} to maximum {self.maximum}, got {self.mean}"
            )
        return self


class GenomeConfig(Settings):
    """What a genome can be, and how the first ones look."""

    num_inputs: Size
    """Inputs of a network, without the bias input."""
    num_outputs: Size
    """Outputs of a network."""
    bias_input: bool = False
    """Add an input that is constantly 1 (2002 paper), beside or instead of the nodes' biases."""
    feed_forward: bool = True
    """No loops. Otherwise networks are recurrent and keep state between steps."""
    initial_connections: Literal["full", "partial", "none"] = "full"
    """All connections from each layer to the next, each with probability `initial_rate`, or none."""
    initial_rate: Rate = 0.5
    """Probability of a connection where `initial_connections` is "partial"."""
    hidden_layers: Annotated[tuple[Size, ...], FailFast()] = ()
    """Sizes of the hidden layers that genomes start with."""
    activation: str = "steepened_sigmoid"
    """Activation of new nodes, or "random": any of `activation_options`."""
    activation_options: Annotated[tuple[ActivationName, ...], FailFast()] = ()
    """Activations that mutation can choose from; empty: `activation` alone."""
    output_activation: ActivationName | None = None
    """Activation of the outputs, never mutated; none: as the other nodes."""
    aggregation: str = "sum"
    """Aggregation of new nodes, or "random": any of `aggregation_options`."""
    aggregation_options: Annotated[tuple[AggregationName, ...], FailFast()] = ()
    """Aggregations that mutation can choose from; empty: `aggregation` alone."""
    weight: InitialValue = InitialValue(spread=2.0)
    """Connection weights. The paper names no cap; without one, weights drift apart and species multiply."""
    bias: InitialValue = InitialValue()
    """Node biases."""
    response: InitialValue = InitialValue(mean=1.0, spread=0.0)
    """Node responses: the factor on a node's aggregated input."""

    @model_validator(mode="after")
    def _complete_options(self) -> GenomeConfig:
        for kind, check in (("activation", ActivationName), ("aggregation", AggregationName)):
            name, options = getattr(self, kind), getattr(self, f"{kind}_options")
            if name == "random":
                if not options:
                    raise ValueError(
                        f'{kind}_options: must name at least one where {kind} is "random", got ()'
                    )
                continue
            get_args(check)[1].func(name)
            if not options:
                object.__setattr__(self, f"{kind}_options", (name,))
            elif name not in options:
                raise ValueError(f"{kind}_options: must hold {kind} {name!r}, got {shown(options)}")
        return self


class ValueMutation(Settings):
    """How a weight, bias or response mutates."""

    genome_rate: Rate = 1.0
    """Probability that a child's values of this kind mutate at all (2002: 0.8 for weights)."""
    perturb_rate: Rate = 0.5
    """Of those, the share of values perturbed (2002: 0.9)."""
    replace_rate: Rate = 0.1
    """Of those, the share of values drawn anew (2002: 0.1)."""
    replace_spread: NonNegative | None = None
    """Spread of a value drawn anew; none: as an initial one."""
    power: NonNegative = 1.0
    """Standard deviation of a normal perturbation, half the width of a uniform one."""
    distribution: DistributionWord = "normal"
    """Distribution of the perturbation (2002: uniform)."""

    @model_validator(mode="after")
    def _shares(self) -> ValueMutation:
        if self.perturb_rate + self.replace_rate > 1 + 1e-9:
            raise ValueError(
                f"perturb_rate: with replace_rate {self.replace_rate} must not exceed 1, got {self.perturb_rate}"
            )
        return self


class MutationConfig(Settings):
    """What mutation does to a child, as probabilities for each child unless it says otherwise."""

    add_node_rate: Rate = 0.05
    """Split an enabled connection (2002: 0.03)."""
    add_connection_rate: Rate = 0.2
    """Add a connection (2002: 0.05, or 0.3 in the larger population)."""
    delete_node_rate: Rate = 0.0
    """Delete a hidden node with its connections (2002: never)."""
    delete_connection_rate: Rate = 0.0
    """Delete a connection (2002: never)."""
    structural: Annotated[Literal["all", "one", "alone"], Structural] = "all"
    """Whether the four above exclude each other: "all" are drawn independently, at most "one" happens, or "alone":
    at most one, and then nothing else mutates (as in the original's source)."""
    split_bias: bool = True
    """Connections from the bias input can be split (in the original's source they cannot)."""
    split_oldest_rate: Rate = 0.7
    """Above 0, a genome with few connection genes splits not just any connection: the oldest that can be split with
    this probability, else the next with the same, and so on (as in the original's source)."""
    split_oldest_below: Count = 15
    """Fewer connection genes than this are few."""
    add_connection_tries: Annotated[int, Field(ge=1, le=10_000), NOT_TEXT] = 20
    """Pairs tried before an addition is given up."""
    enable_rate: Rate = 0.0
    """Probability for each disabled connection to be enabled."""
    disable_rate: Rate = 0.0
    """Probability for each enabled connection to be disabled."""
    weight: ValueMutation = ValueMutation()
    """Connection weights."""
    bias: ValueMutation = ValueMutation()
    """Node biases."""
    response: ValueMutation = ValueMutation(perturb_rate=0.0, replace_rate=0.0)
    """Node responses."""
    activation_rate: Rate = 0.0
    """Probability for each node to draw its activation anew from the options."""
    aggregation_rate: Rate = 0.0
    """Probability for each node to draw its aggregation anew from the options."""


class CrossoverConfig(Settings):
    """How two parents make a child. What neither rate below takes is multipoint crossover."""

    average_rate: Rate = 0.0
    """Share of crossovers that average the attributes of matching genes."""
    single_point_rate: Rate = 0.0
    """Share of crossovers that take matching genes from one parent before a point and from the other after it."""
    disable_rate: Rate = 0.75
    """Probability that a matching gene that is disabled in either parent is disabled in the child (2002: 0.75)."""
    equal_fitness: Annotated[Literal["both", "smaller"], EqualFitness] = "smaller"
    """Of parents of equal fitness, "both" give disjoint and excess genes (2002), or only the one with fewer genes, the
    "smaller": where many are equally fit, networks then stay small."""

    @model_validator(mode="after")
    def _shares(self) -> CrossoverConfig:
        if self.average_rate + self.single_point_rate > 1 + 1e-9:
            raise ValueError(
                f"average_rate: with single_point_rate {self.single_point_rate} must not exceed 1, "
                f"got {self.average_rate}"
            )
        return self


class SpeciationConfig(Settings):
    """Compatibility distance δ = c1·E/N + c2·D/N + c3·W̄ (2002, equation 1) and what is done with it."""

    excess_coefficient: NonNegative = 1.0
    """c1."""
    disjoint_coefficient: NonNegative = 1.0
    """c2."""
    weight_coefficient: NonNegative = 0.4
    """c3 (2002: 0.4, or 3.0 in the larger population)."""
    node_coefficient: NonNegative = 0.0
    """Weight of the mean difference of matching hidden and output nodes (2002: nodes do not count)."""
    normalise_from: OneOrMore = 20
    """Genomes with fewer connection genes than this have N = 1."""
    normalisation: Annotated[Literal["continuous", "size"], Normalisation] = "continuous"
    """N of larger genomes: their genes / `normalise_from`, or their genes (2002: "size"; the distance then drops to a
    twentieth as a genome reaches that size, and the number of species with it)."""
    threshold: Positive = 3.0
    """δt, or its first value where it is adjusted."""
    threshold_mode: Literal["adjusted", "fixed"] = "adjusted"
    """Adjust the threshold toward `target_species`, or keep it (2002): with growing genomes, species then multiply."""
    target_species: OneOrMore = 10
    """Number of species that an adjusted threshold aims at."""
    threshold_step: Positive = 0.1
    """Relative change of an adjusted threshold in a generation, for each doubling of the species aimed at."""
    minimum_threshold: Positive = 0.1
    """Least value of an adjusted threshold."""


class StagnationConfig(Settings):
    """When a species, or the whole population, has gone too long without improvement."""

    species_generations: OneOrMore = 15
    """A species that has not improved for this many generations does not reproduce (2002: 15)."""
    measure: Annotated[Literal["max", "mean"], Measure] = "max"
    """What has to improve: the best fitness in the species or its mean."""
    protected_species: OneOrMore = 2
    """The best species that stagnation never takes."""
    population_generations: OneOrMore = 20
    """After this many generations without improvement only the two best species reproduce (2002: 20)."""


class ReproductionConfig(Settings):
    """Who has children, and how."""

    survival_rate: Annotated[float, Field(gt=0, le=1), NOT_TEXT] = 0.2
    """Share of each species that may be parents, at least one."""
    elites: Count = 1
    """Best genomes of a large species that go on unchanged (2002: its champion)."""
    elite_species_size: Count = 5
    """A species is large above this size (2002: 5)."""
    mutate_only_rate: Rate = 0.25
    """Share of children by mutation alone (2002: 0.25)."""
    mate_only_rate: Rate = 0.0
    """Share of children of two parents that are not mutated."""
    interspecies_rate: Rate = 0.001
    """Probability that the second parent comes from another species (2002: 0.001)."""
    keep_best: bool = False
    """Put the best genome ever into every generation. A noisy fitness then freezes the search."""
