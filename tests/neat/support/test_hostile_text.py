"""Test files and values designed to hang the process, exhaust its memory or hide the message."""

import os
import re
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import neat
from neat.io.neat_python import config_from_ini, config_from_text, genome_from_json
from neat.support.messages import find_similar, quote, shorten
from neat.support.text_files import MOST_SETTINGS_BYTES
from tests.support.neat_python_files import XOR

SIZES = "[genome]\nnum_inputs = 2\nnum_outputs = 1\n"


def nested(steps, container=dict):
    """Return nested containers, deeper than the recursion limit."""
    value = container()
    for _ in range(steps):
        value = {"a": value} if container is dict else [value]
    return value


class Talkative:
    def __repr__(self):
        return "two\nlines " + "x" * 10**6


class Failing:
    def __repr__(self):
        raise RuntimeError


def test_a_cut_text_holds_no_control_characters():
    assert shorten("a\x1b[31m\x07\u202eb\udce9\n\n  c²") == "a\\x1b[31m\\x07\\u202eb\\udce9 c²"
    assert len(shorten("\x1b" * 10**6)) <= 203


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        b"x" * 10**6,
        10**6000,
        -(10**6000),
        nested(10**5),
        nested(10**5, list),
        list(range(10**5)),
        [["x" * 100] * 100] * 100,
        dict.fromkeys(map(str, range(10**5))),
        np.zeros((1000, 1000)),
        np.ma.zeros((1000, 1000)),
        Talkative(),
        Failing(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_shown_on_one_short_line(value):
    assert len(quote(value)) <= 210
    assert "\n" not in quote(value)


def test_short_values_are_shown_as_they_are():
    for value in (3, -1.5, True, None, "abc", ("relu",), {"a": 1}, [1, 2], 10**20, "two\nlines"):
        assert quote(value) == repr(value)
    assert quote(np.zeros((2, 3))) == "an array of shape (2, 3)"
    assert quote(object()) == "a object"
    assert quote(10**6000) == "an integer of 6001 digits"
    assert shorten("a" * 50 + "b" * 50, 10) == "aaaaa...bbbbb"
    assert find_similar("poplation_size", ["seed", "population_size"]) == "population_size"
    assert find_similar("x" * 10**6, ["seed"]) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"seed": "x" * 10**6},
        {"seed": 10**6000},
        {"seed": nested(10**5)},
        {"x" * 10**6: 1},
        {"mutation": {"x" * 10**6: 1}},
        {"mutation": nested(10**5)},
        {"mutation": {1: 2}},
        {"innovation": "x" * 10**6},
        {"genome": {"num_inputs": 2, "num_outputs": 1, "activation": "x" * 10**6}},
        {"genome": {"num_inputs": 2, "num_outputs": 1, "hidden_layers": [0] * 10**5}},
        {"genome": {"num_inputs": 2, "num_outputs": 1, "aggregation_options": ["x" * 10**4] * 100}},
    ],
    ids=range(11),
)
def test_messages_about_settings_stay_short(settings):
    with pytest.raises(ValueError) as caught:
        neat.Config(**{"genome": {"num_inputs": 2, "num_outputs": 1}, **settings})
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 50_000, "nested too deeply"),
        ("a = " + "{a=" * 30_000, "nested too deeply"),
        ("a" + ".a" * 50_000 + " = 1", "a line has more than 100 dots"),
        ("'#' . a" + ".a" * 50_000 + " = 1", "a line has more than 100 dots"),
        ("[" + "a." * 50_000 + "a]", "a line has more than 100 dots"),
        (SIZES.replace("2", "1" * 100_000), "not valid TOML: Exceeds the limit"),
        (SIZES.replace("2", "0x" + "1" * 100_000), "genome.num_inputs: .* got an integer of 120412 digits"),
        (SIZES + "activation = '" + "x" * 100_000 + "'", "genome.activation 'x"),
        (SIZES + "hidden_layers = [" + "0," * 50_000 + "]", "genome.hidden_layers.0: "),
        ("a = '\0'", "not valid TOML: "),
    ],
    ids=range(10),
)
def test_toml_is_refused_at_once(tmp_path, text, message):
    path = tmp_path / "run.toml"
    path.write_text(text, "utf-8")
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(ValueError, match=rf"run\.toml: .*{message}") as caught:
            neat.Config.load(path)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 20
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


def test_dots_in_a_comment_and_a_byte_order_mark_are_allowed(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("# " + "." * 200 + "\n" + SIZES, "utf-8-sig")
    assert neat.Config.load(path) == neat.Config.from_toml("\ufeff" + SIZES) == neat.Config.from_toml(SIZES)


READERS = (neat.Config.load, config_from_ini, genome_from_json)


@pytest.mark.parametrize("read", READERS)
def test_other_than_regular_files_are_refused_before_opening(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")  # reading it blocks until another process writes
    for path, message in (
        (tmp_path / "pipe", "is not a regular file"),
        (tmp_path, "is a folder"),
        (Path("/dev/zero"), "is not a regular file"),
        (tmp_path / "none", "cannot be read: No such file"),
        ("a\0b", "must hold no NUL"),
        ("x" * 300, "cannot be read: File name too long"),
        ("x" * 10**5, "must have at most 4,096 characters"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            read(path)
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("read", READERS)
def test_invalid_utf8_and_large_files_are_refused(tmp_path, read):
    path = tmp_path / "file"
    path.write_bytes(b"\xff\xfe" + "a = 1".encode("utf-16-le"))
    with pytest.raises(ValueError, match="file: must be UTF-8 text, byte 0 is not"):
        read(path)
    with path.open("wb") as file:
        file.truncate(2**40)  # a sparse file, which occupies no disk space
    with pytest.raises(ValueError, match="file: is larger than"):
        read(path)


def referring(depth, width, last=""):
    """Return the XOR file with values that refer to each other, `width` times at each of `depth` levels."""
    lines = [f"v{step} = " + f"%(v{step + 1})s" * width for step in range(depth)]
    text = re.sub("(?m)^conn_add_prob.*$", "conn_add_prob = %(v0)s", XOR)
    return text.replace("[DefaultGenome]", "\n".join(["[DefaultGenome]", *lines, f"v{depth} = {last}"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (referring(8, 20), "conn_add_prob: must be a number, got ''"),
        (referring(8, 20, "x"), "must have at most 10,000 characters"),
        (referring(30, 1, "0.5"), "run in a circle or are nested too deeply"),
        (referring(3, 1, "%(v0)s"), "run in a circle or are nested too deeply"),
        (referring(1, 1, "%(nothing)s"), r"v1: '%\(nothing\)s' names no value here"),
        (referring(1, 1, "5%"), "v1: '%' names no value here; a plain % is written %%"),
        (
            "[NEAT]\n" + "x\n" * 5_000,
            "not a configuration file of neat-python: Source contains parsing errors",
        ),
        ("x" * 10**5, "not a configuration file of neat-python: File contains no section headers"),
        ("x" * (MOST_SETTINGS_BYTES + 1), "must have at most 131,072 characters"),
        (
            XOR.replace("[NEAT]", "[NEAT]\nseed = " + "1" * 5000),
            r"\[NEAT\] seed: must be an integer, got '1111",
        ),
    ],
    ids=range(10),
)
def test_ini_files_are_refused_at_once(text, message):
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(ValueError, match=message) as caught:
            config_from_text(text)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 20
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


def test_references_can_be_as_deep_as_in_configparser():
    assert config_from_text(referring(8, 1, "0.5")).config.mutation.add_connection_rate == 0.5


GENOME = {"num_inputs": 1, "num_outputs": 1, "nodes": [{"id": 1}], "connections": []}


@pytest.mark.parametrize(
    "data",
    [
        nested(10**5),
        {**GENOME, "nodes": nested(10**5, list)},
        {**GENOME, "nodes": [nested(10**5)]},
        {**GENOME, "nodes": [1] * 10**6},
        {**GENOME, "connections": [nested(10**5, list)]},
        {**GENOME, "num_inputs": 10**6000},
        {**GENOME, 1: 2},
    ],
    ids=range(7),
)
def test_plain_data_of_a_genome_is_refused_at_once(data):
    tracemalloc.start()
    try:
        with pytest.raises(neat.GenomeError) as caught:
            neat.Genome.from_dict(data)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 1000


def test_a_genome_with_the_most_inputs_takes_no_dictionary_of_them():
    most = 2**24 - 1
    connection = {"innovation": 0, "source": 5, "target": most, "weight": 1.0}
    tracemalloc.start()
    try:
        genome = neat.Genome.from_dict(
            {"num_inputs": most, "num_outputs": 1, "nodes": [{"id": most}], "connections": [connection]}
        )
        assert tracemalloc.get_traced_memory()[1] < 600e6
    finally:
        tracemalloc.stop()
    assert genome.connections[0]["source"] == 5


def test_a_genome_of_one_input_and_many_connections_is_checked_at_once():
    count = 60_000
    first = np.arange(2, dtype=np.int64)
    arrays = neat.genome.GenomeArrays(
        node_offset=first * count,
        connection_offset=first * count,
        node_id=np.arange(1, count + 1),
        node_bias=np.zeros(count, np.float32),
        node_response=np.ones(count, np.float32),
        node_activation=np.zeros(count, np.uint8),
        node_aggregation=np.zeros(count, np.uint8),
        connection_innovation=np.arange(count),
        connection_source=np.zeros(count, np.int32),
        connection_target=np.arange(1, count + 1, dtype=np.int32),
        connection_weight=np.ones(count, np.float32),
        connection_enabled=np.ones(count, np.bool_),
        connection_birth=np.zeros(count, np.int32),
    )
    genomes = neat.Genomes(arrays, 1, 1)
    genomes.check()  # there are 1,800,000,000 pairs of connections
    arrays.connection_target[-1] = 1
    with pytest.raises(neat.GenomeError, match="no two connections may join the same source and target"):
        genomes.check()
