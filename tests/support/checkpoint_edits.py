"""Edits of the arrays of a checkpoint that make it invalid, with a part of the message that refuses each."""

import numpy as np

import neat
from neat.kernels import hash_table
from neat.support import archive
from tests.support.evolving import BUSY, SCHEMES, make_config

SIZE, GENERATIONS = 20, 4


class Judge:
    """An evaluator with an arbitrary fitness and all features that a checkpoint stores."""

    def __call__(self, genomes):
        return np.random.default_rng(genomes.generation).normal(size=SIZE)

    def validate(self, genomes):
        return np.zeros(len(genomes))

    def state(self):
        return {"node_activation": np.array([0.5])}  # arrays of genomes have this name too

    def restore(self, arrays):
        pass


def saved(path, scheme=0, recurrent=False):
    """Return the arrays of a run's checkpoint."""
    config = make_config(**BUSY, **SCHEMES[scheme], population_size=SIZE).updated(
        genome={"feed_forward": not recurrent}
    )
    neat.Population(config).run(
        Judge(),
        GENERATIONS,
        solved=lambda genome: genome.genomes.generation == GENERATIONS - 1,
        checkpoint=path,
    )
    return archive.read_arrays(path)


def put(name, position, value):
    """Return an edit of one element."""

    def edit(arrays):
        array = arrays[name].copy()
        array[position] = value
        return {**arrays, name: array}

    return edit


def make(name, change):
    """Return an edit of an array."""
    return lambda arrays: {**arrays, name: change(arrays[name])}


def full(table):
    """Return an edit that fills a hash table, so that a search for a missing key never ends."""

    def edit(arrays):
        places = len(arrays[f"innovations.{table}_value"])
        counters = arrays["innovations.counters"].copy()
        counters[{"node": 2, "link": 3}[table]] = places
        counters[:2] = 10**6
        return {
            **arrays,
            "innovations.counters": counters,
            f"innovations.{table}_value": np.arange(places) + 100,
        }

    return edit


def crowded(arrays):
    """Fill half of a hash table in one contiguous run, so that a search takes as many steps."""
    places = 2**14
    return {
        **arrays,
        "innovations.node_first": np.arange(places),
        "innovations.node_second": np.zeros(places, np.int64),
        "innovations.node_value": np.where(np.arange(places) < places // 2, np.arange(places) + 100, -1),
        "innovations.counters": arrays["innovations.counters"] * [0, 1, 0, 1] + [10**6, 0, places // 2, 0],
    }


def swapped(arrays):
    """Swap the numbers of two links."""
    value = arrays["innovations.link_value"].copy()
    a, b = np.flatnonzero(value >= 0)[:2]
    value[[a, b]] = value[[b, a]]
    return {**arrays, "innovations.link_value": value}


def with_toml(old, new):
    def edit(arrays):
        text = arrays["config"].tobytes().replace(old, new)
        assert text != arrays["config"].tobytes()
        return {**arrays, "config": np.frombuffer(text, np.uint8)}

    return edit


def shorter(arrays):
    """Remove a genome, so that there are fewer than in the config and in the lineage."""
    offsets = {name: arrays[name][:-1] for name in ("genomes.node_offset", "genomes.connection_offset")}
    nodes, connections = (int(offset[-1]) for offset in offsets.values())
    rest = {
        name: array[: nodes if name.startswith("genomes.node") else connections]
        for name, array in arrays.items()
        if name.startswith("genomes.") and name not in offsets
    }
    return {**arrays, **offsets, **rest}


GREATEST = 2**63 - 1
# Edits of a checkpoint of the scheme "global", with a part of the expected message.
EDITS = {
    "offset beyond": (put("genomes.node_offset", -1, 10**9), "genomes: node_offset"),
    "offset falls": (put("genomes.connection_offset", 3, GREATEST), "genomes: connection_offset"),
    "offset negative": (put("representative.node_offset", 0, -5), "representative: node_offset"),
    "source": (put("genomes.connection_source", 5, 10**6), "genomes: genome .*: the source"),
    "target": (put("genomes.connection_target", 5, -(10**6)), "genomes: genome .*: the target"),
    "source of best": (put("best.connection_source", 0, 10**6), "best: genome 0: the source"),
    "source of solution": (put("solution.connection_source", 0, 99), "solution: genome 0: the source"),
    "target of candidate": (put("candidate0.connection_target", 0, 99), "candidate0: genome 0: the target"),
    "representative": (
        put("representative.connection_target", 0, 99),
        "representative: genome 0: the target",
    ),
    "activation": (put("genomes.node_activation", 5, 200), "genomes.node_activation: must be below"),
    "aggregation": (put("best.node_aggregation", 0, 200), "best.node_aggregation: must be below"),
    "unknown activation": (
        make("activations", lambda a: np.char.add(a, "?")),
        "activation '.*' is not known",
    ),
    "weight beyond": (put("genomes.connection_weight", 5, 31), "genomes: .*weight within .* 30.0, got 31.0"),
    "bias beyond": (put("best.node_bias", 0, -1e9), "best: expected node_bias within the config's bounds"),
    "response beyond": (put("solution.node_response", 0, 1e9), "solution: expected node_response within"),
    "activation not in the config": (
        put("candidate0.node_activation", 0, 9),
        "candidate0: 'lelu' is no node",
    ),
    "aggregation not in the config": (
        put("representative.node_aggregation", 0, 1),
        "representative: '.*' is no",
    ),
    "format of bytes": (make("format", lambda a: np.zeros((), "V8")), "format: expected int64 of shape"),
    "structured format": (make("format", lambda a: np.zeros((), "i8,i8")), "format: expected int64 of shape"),
    "long format": (make("format", lambda a: np.array("3" * 50_000)), "format: expected int64 of shape"),
    "many fields": (
        make("counters", lambda a: np.zeros(5, [(f"f{k}", "i8") for k in range(500)])),
        "counters: exp",
    ),
    "many dimensions": (make("counters", lambda a: a[(..., *[None] * 27)]), "counters: expected int64"),
    "long name": (
        lambda arrays: {**arrays, "n" * 50_000: arrays["birth"]},
        "a checkpoint has no array of this name",
    ),
    "long function": (
        make("activations", lambda a: np.array(["n" * 50_000] * len(a))),
        "'nnn.* is not known",
    ),
    "weight": (put("genomes.connection_weight", 5, np.nan), "genomes: genome .*: weights"),
    "no Unicode": (
        make("activations", lambda a: np.full(len(a), 2**30, np.uint32).view("U1")),
        "'activations': has text that is not Unicode",
    ),
    "flag": (make("genomes.connection_enabled", lambda a: (a.view(np.uint8) * 2).view(bool)), "bool"),
    "a genome less": (shorter, "genomes.node_offset: expected int64 of shape \\(21,\\)"),
    "parent": (put("first_parent", 0, SIZE), "first_parent: must be from -1 to 19, got 20"),
    "other parent": (put("second_parent", 3, -2), "second_parent: .* got -2"),
    "birth": (put("birth", 3, GENERATIONS + 1), "birth: must be from 0 to 4, got 5"),
    "fewer births": (make("birth", lambda a: a[:-1]), "birth: expected int64 of shape"),
    "individual": (put("lineage.individual", 3, -1), "lineage.individual: must be from 0 to 99, got -1"),
    "individual's parent": (put("lineage.first", 3, 10**6), "lineage.births: individual 1000000 is missing"),
    "species of a parent": (
        put("lineage.parent_species", 0, 10**6),
        "lineage.parent_species: must be from -1",
    ),
    "born in the future": (put("lineage.births", -1, (99, -1, -1)), "lineage.births: must be from 0 to 79"),
    "births in disorder": (
        make("lineage.births", lambda a: a[::-1]),
        "lineage.births: individual must ascend",
    ),
    "its own parent": (put("lineage.births", 0, (0, 0, -1)), "lineage.births: parents must be born before"),
    "a birth less": (make("lineage.births", lambda a: a[1:]), "lineage.births: individual .* is missing"),
    "lineage without a genome": (put("lineage.champions", 1, (1, 0, 0, 0.0, 9)), "lineage.champions: genome"),
    "champions twice": (
        make("lineage.champions", lambda a: a[[0, *range(len(a))]]),
        "champions: generation must",
    ),
    "two best": (make("lineage.best", lambda a: a[[0, 0]]), "lineage.best: expected a row for .* got 2"),
    "no best": (make("lineage.best", lambda a: a[:0]), "lineage.best: expected a row for .* got 0"),
    "innovation": (put("lineage.innovations", 0, (-1, 0, 0, 0, 0)), "lineage.innovations: must be from 0"),
    "carrier": (put("lineage.innovations", 0, (0, 0, 0, 0, 10**6)), "lineage.innovations: carrier"),
    "origin": (put("lineage.species", 0, (0, 9, -1, 0)), "lineage.species: generation: must be from 0 to 3"),
    "target of a champion": (put("lineage.genomes.connection_target", 0, 99), "lineage.genomes: genome 0"),
    "lineage of floats": (make("lineage.first", lambda a: a * 1.0), "lineage.first: expected int64"),
    "generation": (put("counters", 0, GREATEST), "counters: generation"),
    "generation before the history": (
        put("counters", 0, 2),
        "counters: best_generation|birth|history|improved",
    ),
    "next species": (put("counters", 1, 1), "species.id: must be from 0 to 0"),
    "best generation": (put("counters", 2, -2), "counters: best_generation"),
    "improved": (put("counters", 3, GREATEST), "counters: improved_generation"),
    "kept": (put("counters", 4, SIZE), "counters: kept"),
    "NaN in counters": (make("counters", lambda a: np.full(5, np.nan)), "counters: expected int64"),
    "threshold": (put("numbers", 0, np.nan), "numbers: threshold"),
    "best fitness": (put("numbers", 1, np.nan), "best: expected a genome"),
    "solution's fitness": (put("numbers", 2, np.inf), "numbers: .* finite"),
    "solution's target": (put("numbers", 3, 1e9), "numbers: solution_target"),
    "species descend": (put("species.id", 0, 10), "species.id: must"),
    "species founded": (put("species.founded", 0, 99), "species.founded"),
    "species improved": (put("species.improved", 0, -1), "species.improved"),
    "species record": (put("species.record", 0, np.nan), "species.record"),
    "fewer records": (make("species.record", lambda a: a[:-1]), "species.record: expected float64"),
    "history": (
        make("history.generations", lambda a: a[::-1]),
        "history.generations: generations must ascend",
    ),
    "history's dtype": (make("history.species", lambda a: a["id"]), "history.species: expected rows"),
    "candidates": (make("candidates", lambda a: a[:-1]), "candidates: expected a finite fitness"),
    "candidate's fitness": (put("candidates", 0, np.nan), "candidates: expected a finite fitness"),
    "candidate's generation": (make("candidate0.generation", lambda a: a + 99), "candidate0.generation"),
    "shape of a scalar": (
        make("best.generation", lambda a: a[np.newaxis]),
        "best.generation: expected int64",
    ),
    "scalar for an array": (make("candidates", lambda a: np.array(1.0)), "candidates: expected float64"),
    "two dimensions": (make("genomes.node_bias", lambda a: a[np.newaxis]), "genomes.node_bias: expected"),
    "dtype": (make("genomes.node_id", lambda a: a.astype(np.int32)), "genomes.node_id: expected int64"),
    "dtype of a table": (make("innovations.link_first", lambda a: a.astype(float)), "innovations.link_first"),
    "unknown array": (lambda arrays: {**arrays, "extra": np.zeros(1)}, "'extra': a checkpoint has no array"),
    "unknown candidate": (
        lambda arrays: {**arrays, "candidate10.node_id": np.zeros(1)},
        "'candidate10.node_id'",
    ),
    "format": (make("format", lambda a: np.array([a, a])), "format: expected int64 of shape"),
    "full table of links": (full("link"), "innovations.link_value: expected"),
    "full table of nodes": (full("node"), "innovations.node_value: expected"),
    "crowded table": (crowded, "innovations.node_first: an entry is not where its hash belongs"),
    "places": (make("innovations.link_value", lambda a: a[:-1]), "innovations.link_first: expected int64"),
    "no places": (
        lambda arrays: {
            **arrays,
            **{f"innovations.node_{n}": np.zeros(0, np.int64) for n in hash_table.Table._fields},
        },
        "innovations.node_value: expected a power of two",
    ),
    "entries": (put("innovations.counters", 3, 1), "innovations.link_value: expected 1 entries"),
    "negative entries": (put("innovations.counters", 2, -1), "innovations.node_value: expected -1 entries"),
    "next node": (
        put("innovations.counters", 0, 5),
        "innovations.node_value: expected different ids|node_id",
    ),
    "next number": (put("innovations.counters", 1, 3), "innovations.link_value: expected different ids"),
    "ids at their end": (put("innovations.counters", 0, GREATEST), "innovations.counters: the next ids"),
    "moved entry": (make("innovations.link_first", lambda a: a[::-1].copy()), "not where its hash belongs"),
    "swapped numbers": (swapped, "genomes: connection_innovation: genome .*another number"),
    "config": (
        with_toml(b"population_size", b"population_sise"),
        "config: population_sise: there is no such",
    ),
    "config's size": (
        with_toml(b"population_size = 20", b"population_size = 2000000000"),
        "expected int64 of shape",
    ),
    "config's inputs": (
        with_toml(b"num_inputs = 3", b"num_inputs = 2"),
        "genomes: genome 0: the first nodes",
    ),
    "config's outputs": (
        with_toml(b"num_outputs = 2", b"num_outputs = 3"),
        "innovations.node_value: expected different ids from 6",
    ),
    "config's layers": (
        with_toml(b"hidden_layers = []", b"hidden_layers = [30000, 30000]"),
        "innovations.counters: the next ids must be from 60005",
    ),
    "config's pairing": (
        with_toml(b'innovation = "global"', b'innovation = "pairing"'),
        "a pairing counts no links",
    ),
    "nested config": (make("config", lambda a: np.frombuffer(b"a=" + b"[" * 10_000, np.uint8)), "config: "),
    "config is no text": (make("config", lambda a: np.full(9, 255, np.uint8)), "config: "),
}
# Edits of other checkpoints: the scheme, whether the network is recurrent, the edit, the message.
OTHERS = {
    "loops": (0, True, with_toml(b"feed_forward = false", b"feed_forward = true"), "free of loops"),
    "number above the next": (
        1,
        False,
        put("genomes.connection_innovation", -1, 10**6),
        "genomes: connection_innovation: must",
    ),
    "not its pairing": (2, False, put("genomes.connection_innovation", 0, 0), "another number"),
    "another pairing": (3, False, with_toml(b'"cantor"', b'"szudzik"'), "genomes: connection_innovation"),
    "ids beyond a pairing": (
        2,
        False,
        put("innovations.counters", 0, 2**40),
        "innovations.counters: the next",
    ),
    "not its hash": (4, False, put("genomes.connection_innovation", 0, 0), "another number"),
    "counted hashes": (4, False, put("innovations.counters", 0, 6), "hashes count nothing, got"),
    "unshared number above the next": (
        5,
        False,
        put("innovations.counters", 1, 3),
        "genomes: connection_innovation: must be below the next",
    ),
    "counted links of a pairing": (2, False, put("innovations.counters", 1, 5), "a pairing counts no links"),
}
