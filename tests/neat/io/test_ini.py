"""Test how files of neat-python are read, and that bad ones are refused."""

import pytest

from neat.io.neat_python import config_from_ini, config_from_text
from tests.support.neat_python_files import XOR, changed


def test_a_byte_order_mark_is_ignored(tmp_path):
    file = tmp_path / "config.ini"
    file.write_text(XOR, "utf-8-sig")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert (
        config_from_ini(file).config
        == config_from_text("\ufeff" + XOR).config
        == config_from_text(XOR).config
    )


def test_references_between_values_are_replaced():
    text = changed(conn_add_prob="%(rate)s", rate="0.%(digits)s", digits="25")
    assert config_from_text(text).config.mutation.add_connection_rate == 0.25
    text = "[DEFAULT]\nRATE = 0.125\n" + changed(conn_add_prob="%(Rate)s", unknown="5%%")
    config, _, lost = config_from_text(text)
    assert config.mutation.add_connection_rate == 0.125
    # Every section has it, but one uses it.
    assert sum("rate = 0.125: not a setting" in line for line in lost) == 4
    assert any("unknown = 5%%: not a setting" in line for line in lost)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (XOR.replace("[DefaultGenome]", "[MyGenome]"), r"\[DefaultGenome\]: the section is missing"),
        ("pop_size = 3", "not a configuration file of neat-python: File contains no section headers"),
        (changed(pop_size=None), r"\[NEAT\] pop_size: must be given"),
        (changed(pop_size="many"), r"\[NEAT\] pop_size: must be an integer, got 'many'"),
        (changed(pop_size=1), "population_size: input should be greater than or equal to 2, got 1"),
        (
            changed(feed_forward="maybe"),
            r"\[DefaultGenome\] feed_forward: must be true or false, got 'maybe'",
        ),
        (changed(weight_init_mean="x"), r"\[DefaultGenome\] weight_init_mean: must be a number, got 'x'"),
        (
            changed(weight_init_type="cauchy"),
            "weight_init_type: must be gaussian, normal or uniform, got 'cauchy'",
        ),
        (
            changed(initial_connection="full 0.5"),
            "initial_connection: must be unconnected, .* got 'full 0.5'",
        ),
        (changed(initial_connection="dense"), "initial_connection: must be unconnected, .* got 'dense'"),
        (
            changed(initial_connection="partial"),
            "initial_connection: must hold a share after partial, got ''",
        ),
        (changed(initial_connection="partial 2"), "initial_rate: .*got 2.0"),
        (
            changed(activation_options="sigmoid my_sinc", activation_mutate_rate=0.1),
            r"\[DefaultGenome\] activation_options: .*my_sinc",
        ),
        (changed(aggregation_default="l2"), r"\[DefaultGenome\] aggregation_default: .*l2"),
        (
            changed(activation_default="sigmoid tanh"),
            r"\[DefaultGenome\] activation_default: .*'sigmoid tanh'",
        ),
        (changed(fitness_criterion="best"), "fitness_criterion: must be one of max, min, mean, got 'best'"),
        (changed(species_fitness_func="sum"), "species_fitness_func: must be one of max, .*got 'sum'"),
        (changed(conn_add_prob=-0.5), "mutation.add_connection_rate: .*got -0.5"),
        (changed(survival_threshold=-1), "reproduction.survival_rate: .*got -1.0"),
        (changed(compatibility_threshold="nan"), "speciation.threshold: .*got nan"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, text, message):
    file = tmp_path / "config.ini"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        config_from_ini(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"none\.ini: cannot be read: No such file"):
        config_from_ini(tmp_path / "none.ini")
