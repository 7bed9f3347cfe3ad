"""Define the sections of a config as frozen, validated models, and the types of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import FailFast, Field, create_model, model_validator

from neat.config.choices import Distribution, EqualFitness, Measure, Normalisation, Structural
from neat.config.neat_python_names import OTHER_NAMES
from neat.genome.gene_arrays import MOST_INPUTS
from neat.genome.plain_data import ActivationName, AggregationName, known_activation, known_aggregation
from neat.genome.schema import NUMBERS
from neat.support.messages import quote
from neat.support.validation import NOT_TEXT, Model

GREATEST = 3.4e38  # slightly below the maximum of float32, in which kernels store numbers

Rate = Annotated[float, Field(ge=0, le=1), NOT_TEXT]
Number = Annotated[float, Field(ge=-GREATEST, le=GREATEST), NOT_TEXT]
NonNegative = Annotated[float, Field(ge=0, le=GREATEST), NOT_TEXT]
Positive = Annotated[float, Field(gt=0, le=GREATEST), NOT_TEXT]
Count = Annotated[int, Field(ge=0, lt=2**31), NOT_TEXT]
OneOrMore = Annotated[int, Field(ge=1, lt=2**31), NOT_TEXT]
Size = Annotated[int, Field(ge=1, lt=MOST_INPUTS + 1), NOT_TEXT]

DistributionWord = Annotated[Literal["normal", "uniform"], Distribution]


class Settings(Model):
    """A config or one of its sections."""

    other_names = OTHER_NAMES

    def _change_hint(self, name: str, value: str) -> str:
        return f"use config.updated(…), with {{{name!r}: {value}}} for the section"


class InitialValue(Settings):
    """Initial distribution of a weight, bias or response, and its permanent bounds."""

    mean: Number = 0.0
    """Mean of the initial values. Change it if good values are known to lie around another number."""
    spread: NonNegative = 1.0
    """Standard deviation of a normal distribution, or half the width of a uniform one. Raise it if the first networks
    all act alike; lower it if their nodes saturate."""
    distribution: DistributionWord = "normal"
    """Distribution of the initial values. Use "uniform" to repeat the paper."""
    minimum: Number = -30.0
    """Lower bound, also after mutation. Narrow the bounds if values drift to extremes, or if the target hardware limits
    them."""
    maximum: Number = 30.0
    """Upper bound, also after mutation. Widen the bounds if many values reach them."""

    @model_validator(mode="after")
    def _check_bounds(self) -> InitialValue:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum: must not exceed maximum {self.maximum}, got {self.minimum}")
        if not self.minimum <= self.mean <= self.maximum:
            raise ValueError(
                f"mean: must lie from minimum {self.minimum} to maximum {self.maximum}, got {self.mean}"
            )
        return self


class _GenomeSettings(Settings):
    """The possible genomes, and the initial ones."""

    num_inputs: Size
    """Number of inputs of a network, without the bias input. `Config.for_task` takes it from the evaluator."""
    num_outputs: Size
    """Number of outputs of a network. `Config.for_task` takes it from the evaluator."""
    bias_input: bool = False
    """Add an input that is always 1 (2002 paper), in addition to or instead of the nodes' biases. Turn it on to repeat
    the paper; nodes have biases without it."""
    feed_forward: bool = True
    """Forbid loops; otherwise, networks are recurrent and keep state between steps. Turn it off if a network must
    remember earlier inputs."""
    initial_connections: Literal["full", "partial", "none"] = "full"
    """Connections from each layer to the next: all, each with probability `initial_rate`, or none. Use "partial" or
    "none" if there are many inputs, few of which matter."""
    initial_rate: Rate = 0.5
    """Probability of each connection if `initial_connections` is "partial". Lower it the more inputs there are."""
    hidden_layers: Annotated[tuple[Size, ...], FailFast()] = ()
    """Sizes of the hidden layers of initial genomes. Give sizes to start from layered networks. The paper starts
    without hidden nodes."""
    activation: str = "steepened_sigmoid"
    """Activation of new nodes, or "random" for any of `activation_options`. Use "tanh" if genomes learn by gradients,
    because a steep sigmoid has little slope far from 0."""
    activation_options: Annotated[tuple[ActivationName, ...], FailFast()] = ()
    """Activations that mutation chooses from; if empty, only `activation`. Name several, and raise
    `mutation.activation_rate`, if one function may not fit the task, such as a periodic one."""
    output_activation: ActivationName | None = None
    """Activation of the outputs, never mutated; None treats outputs like the other nodes. Use "identity" for regression
    and for the logits of classes."""
    aggregation: str = "sum"
    """Aggregation of new nodes, or "random" for any of `aggregation_options`. Keep "sum" unless the task has products
    or extremes of its inputs."""
    aggregation_options: Annotated[tuple[AggregationName, ...], FailFast()] = ()
    """Aggregations that mutation chooses from; if empty, only `aggregation`. Name several, and raise
    `mutation.aggregation_rate`, if nodes may have to multiply or compare."""

    @model_validator(mode="after")
    def _complete_options(self) -> _GenomeSettings:
        for kind, check in (("activation", known_activation), ("aggregation", known_aggregation)):
            name, options = getattr(self, kind), getattr(self, f"{kind}_options")
            if name == "random":
                if not options:
                    raise ValueError(f'{kind}_options: must name at least one if {kind} is "random", got ()')
                continue
            check(name)
            if not options:
                object.__setattr__(self, f"{kind}_options", (name,))
            elif name not in options:
                raise ValueError(f"{kind}_options: must hold {kind} {name!r}, got {quote(options)}")
        return self


class ValueMutation(Settings):
    """Mutation of a weight, bias or response."""

    genome_rate: Rate = 1.0
    """Probability that a child's values of this kind mutate (2002: 0.8 for weights). Lower it to let more children
    differ from their parents in structure alone."""
    perturb_rate: Rate = 0.5
    """Share of the mutating child's values that are perturbed (2002: 0.9). Raise it to search more widely with each
    child, lower it to change less at a time."""
    replace_rate: Rate = 0.1
    """Share of the mutating child's values that are replaced by new random ones (2002: 0.1). Raise it if the search
    stays at a local optimum."""
    replace_spread: NonNegative | None = None
    """Spread of replaced values; None uses that of the initial values. Give a number if new values should spread more
    or less than the initial ones."""
    power: NonNegative = 1.0
    """Standard deviation of a normal perturbation, or half the width of a uniform one. Raise it if good values are
    large; lower it if solutions are almost right and must be refined."""
    distribution: DistributionWord = "normal"
    """Distribution of the perturbation (2002: uniform). Use "uniform" to repeat the paper."""

    @model_validator(mode="after")
    def _check_shares(self) -> ValueMutation:
        if self.perturb_rate + self.replace_rate > 1 + 1e-9:
            raise ValueError(
                f"perturb_rate: with replace_rate {self.replace_rate} must not exceed 1, got {self.perturb_rate}"
            )
        return self


class _MutationSettings(Settings):
    """Mutation of a child. Rates are probabilities for each child, if not stated otherwise."""

    add_node_rate: Rate = 0.05
    """Split an enabled connection (2002: 0.03). Raise it if networks stay too small for the task; lower it if they grow
    without gain."""
    add_connection_rate: Rate = 0.2
    """Add a connection (2002: 0.05, or 0.3 in the larger population). Raise it if inputs stay unused; lower it if
    networks grow without gain."""
    delete_node_rate: Rate = 0.0
    """Delete a hidden node with its connections (2002: never). Raise it, to `add_node_rate` at most, if networks should
    stay small."""
    delete_connection_rate: Rate = 0.0
    """Delete a connection (2002: never). Raise it, to `add_connection_rate` at most, if networks should stay small."""
    structural: Annotated[Literal["all", "one", "alone"], Structural] = "all"
    """How the four rates above combine: "all" are drawn independently; with "one", at most one happens; with "alone",
    at most one happens, and then nothing else mutates (as in the original's source). Use "alone" to repeat the paper,
    "all" to grow faster."""
    split_bias: bool = True
    """Allow connections from the bias input to be split (in the original's source they cannot). Turn it off to repeat
    the paper."""
    split_oldest_rate: Rate = 0.7
    """If above 0, a small genome splits its oldest connection with this probability, otherwise the next oldest with the
    same probability, and so on (as in the original's source). At 0, all connections are equally likely. On XOR with the
    paper's settings, 0 needs more evaluations. The age of a connection counts from the generation in which a mutation
    added it; of two of the same generation, the one with the lower innovation number is older."""
    split_oldest_below: Count = 15
    """A genome with fewer connection genes than this is small for `split_oldest_rate`. Raise it to split the oldest
    connections for longer, which makes deeper networks."""
    add_connection_tries: Annotated[int, Field(ge=1, le=10_000), NOT_TEXT] = 20
    """Number of node pairs tried before adding a connection is abandoned. Keep it: most single draws in a small genome
    hit a pair that is connected already."""
    enable_rate: Rate = 0.0
    """Probability that each disabled connection is enabled. Raise it, with `disable_rate`, to let evolution try
    networks with and without a connection."""
    disable_rate: Rate = 0.0
    """Probability that each enabled connection is disabled. Raise it, with `enable_rate`, to let evolution try networks
    with and without a connection."""
    activation_rate: Rate = 0.0
    """Probability that each node draws a new activation from the options. Raise it if `genome.activation_options` names
    several."""
    aggregation_rate: Rate = 0.0
    """Probability that each node draws a new aggregation from the options. Raise it if `genome.aggregation_options`
    names several."""


def _with_numbers(
    name: str, base: type[Settings], settings: Mapping[str, Settings], texts: Mapping[str, str]
) -> Any:
    """Return the section `base` with settings for each number that genes have."""
    fields: dict[str, Any] = {
        number: (type(default), Field(default=default, description=texts[number]))
        for number, default in settings.items()
    }
    return create_model(name, __base__=base, __module__=__name__, __doc__=base.__doc__, **fields)


if TYPE_CHECKING:

    class GenomeConfig(_GenomeSettings):
        """The fields of the class below for type checkers, which cannot read the schema."""

        weight: InitialValue = InitialValue()
        bias: InitialValue = InitialValue()
        response: InitialValue = InitialValue()

    class MutationConfig(_MutationSettings):
        """The fields of the class below for type checkers, which cannot read the schema."""

        weight: ValueMutation = ValueMutation()
        bias: ValueMutation = ValueMutation()
        response: ValueMutation = ValueMutation()

else:
    GenomeConfig = _with_numbers(
        "GenomeConfig",
        _GenomeSettings,
        {row.name: InitialValue(**row.initial) for row in NUMBERS},
        {row.name: f"{row.text} {row.remark}".rstrip() for row in NUMBERS},
    )
    MutationConfig = _with_numbers(
        "MutationConfig",
        _MutationSettings,
        {row.name: ValueMutation(**row.mutation) for row in NUMBERS},
        {row.name: row.text for row in NUMBERS},
    )


class CrossoverConfig(Settings):
    """Crossover of two parents. Crossovers that neither rate below selects are multipoint."""

    average_rate: Rate = 0.0
    """Share of crossovers that average the attributes of matching genes. Raise it to blend the weights of parents; on
    XOR, it makes no difference."""
    single_point_rate: Rate = 0.0
    """Share of crossovers that take matching genes from one parent before a random point, from the other after it.
    Raise it to compare kinds of crossover."""
    disable_rate: Rate = 0.75
    """Probability that a matching gene that is disabled in either parent is disabled in the child (2002: 0.75). Lower
    it if disabled connections should come back more often."""
    equal_fitness: Annotated[Literal["both", "smaller"], EqualFitness] = "smaller"
    """Which parents of equal fitness pass on disjoint and excess genes: "both" (2002), or only the "smaller", the one
    with fewer genes, which keeps networks small where many genomes are equally fit. Use "both" if fitness has few
    distinct values and networks should still grow."""

    @model_validator(mode="after")
    def _check_shares(self) -> CrossoverConfig:
        if self.average_rate + self.single_point_rate > 1 + 1e-9:
            raise ValueError(
                f"average_rate: with single_point_rate {self.single_point_rate} must not exceed 1, "
                f"got {self.average_rate}"
            )
        return self


class SpeciationConfig(Settings):
    """Compatibility distance δ = c1·E/N + c2·D/N + c3·W̄ (2002, equation 1) and its threshold."""

    excess_coefficient: NonNegative = 1.0
    """c1, the weight of excess genes. Raise it to divide species more by structure."""
    disjoint_coefficient: NonNegative = 1.0
    """c2, the weight of disjoint genes. Raise it to divide species more by structure."""
    weight_coefficient: NonNegative = 0.4
    """c3, the weight of mean weight differences (2002: 0.4, or 3.0 in the larger population). Raise it to divide
    species more by weights, as a large population can afford."""
    node_coefficient: NonNegative = 0.0
    """Weight of the mean difference of matching hidden and output nodes (2002: nodes are ignored). Raise it if biases
    or node functions make networks act differently."""
    normalise_from: OneOrMore = 20
    """Genomes with fewer connection genes than this have N = 1. Raise it to let a single gene of a large genome count
    more."""
    normalisation: Annotated[Literal["continuous", "size"], Normalisation] = "continuous"
    """N of larger genomes: "continuous" divides their number of genes by `normalise_from`; "size" is the number (2002).
    With "size", the distance drops by that factor as a genome reaches `normalise_from` genes, and so does the number of
    species. Use "size" to repeat the paper."""
    threshold: Positive = 3.0
    """δt, or its initial value if it is adjusted. If it is fixed, lower it for more species, and raise it for fewer."""
    threshold_mode: Literal["adjusted", "fixed"] = "adjusted"
    """Whether the threshold is "adjusted" toward `target_species` or "fixed" (2002). With a fixed one, species multiply
    as genomes grow. Use "fixed" to repeat the paper."""
    target_species: OneOrMore = 10
    """Number of species that an adjusted threshold aims at. Raise it in a large population, so that more kinds of
    networks survive; with too many, each has few offspring."""
    threshold_step: Positive = 0.1
    """Relative change of an adjusted threshold per generation, for each factor of 2 from `target_species`. Raise it if
    the number of species lags behind; lower it if the number swings."""
    minimum_threshold: Positive = 0.1
    """Lower bound of an adjusted threshold. Lower it if a population of similar genomes should still form species."""


class StagnationConfig(Settings):
    """Limits on the time that a species, or the whole population, may go without improvement."""

    species_generations: OneOrMore = 15
    """A species that has not improved for this many generations does not reproduce (2002: 15). Raise it if progress is
    slow or the fitness is noisy."""
    measure: Annotated[Literal["max", "mean"], Measure] = "max"
    """The value that must improve: the maximum or mean fitness of the species. Use "mean" if the fitness is noisy,
    because a lucky maximum is hard to exceed."""
    protected_species: OneOrMore = 2
    """Number of best species that are exempt from stagnation. Raise it if good species end before they improve."""
    population_generations: OneOrMore = 20
    """After this many generations without improvement, only the two best species reproduce (2002: 20). Raise it if
    progress is slow, because this rule costs diversity."""


class ReproductionConfig(Settings):
    """Selection of parents, and the ways of making children."""

    survival_rate: Annotated[float, Field(gt=0, le=1), NOT_TEXT] = 0.2
    """Share of each species that can be parents; at least one genome is. Raise it for more diversity; lower it for
    stronger selection."""
    elites: Count = 1
    """Number of best genomes that a large species passes on unchanged (2002: 1, its champion). Raise it to keep more
    good genomes; set it to 0 if a noisy fitness makes lucky genomes champions."""
    elite_species_size: Count = 5
    """A species with more genomes than this is large for `elites` (2002: 5). Raise it to copy champions in large
    species only."""
    mutate_only_rate: Rate = 0.25
    """Share of children made by mutation alone (2002: 0.25). Raise it if crossover seldom helps; 1 turns crossover
    off."""
    mate_only_rate: Rate = 0.0
    """Share of children of two parents that are not mutated. Raise it to test children of good parents as they are."""
    interspecies_rate: Rate = 0.001
    """Probability that the second parent comes from another species (2002: 0.001). Raise it if species should exchange
    genes more often."""
    keep_best: bool = False
    """Put the best genome ever into every generation. A noisy fitness then freezes the search. Turn it on only if a
    genome always gets the same fitness."""
