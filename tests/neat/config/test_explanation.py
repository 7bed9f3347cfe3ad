"""help(neat.Config) and Config.describe() tell every setting."""

import inspect
import pydoc
import re

import pytest

import neat
from neat.config.explanation import _read_module_texts, list_settings, read_field_texts
from neat.support.validation import Model

GENOME = {"num_inputs": 2, "num_outputs": 1}


def leaves(model, prefix=""):
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Model):
            yield from leaves(info.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


PATHS = list(leaves(neat.Config))


def entry(path):
    """Return the lines of a setting in the docstring as one."""
    text = inspect.getdoc(neat.Config)
    (found,) = re.findall(rf"^    {re.escape(path)}: (.*?)(?=^    \w|\Z)", text, re.DOTALL | re.MULTILINE)
    return " ".join(found.split())


def test_help_explains_every_setting():
    shown = pydoc.plain(pydoc.render_doc(neat.Config))
    for path in PATHS:
        meaning, _, values = entry(path).rpartition(". ")
        assert len(meaning) > 10 and re.search("; (default .|required)", values), path
        assert f"{path}: " in shown
    assert all(len(line) <= 100 for line in inspect.getdoc(neat.Config).splitlines())


def test_every_setting_has_its_meaning_first_and_then_advice():
    """The page on every setting shows the first sentence as the meaning, and the others as advice."""
    for setting in list_settings(neat.Config):
        meaning, _, advice = setting.text.partition(". ")
        assert len(meaning) > 8 and advice[-1:] == ".", setting.path


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("genome.num_inputs", "an integer from 1 to 16777215; required"),
        ("genome.bias_input", "True or False; default False"),
        ("genome.hidden_layers", "a list, each an integer from 1 to 16777215; default ()"),
        ("genome.weight.spread", "a number from 0; default 2.0"),
        ("genome.bias.spread", "a number from 0; default 1.0"),  # the same class, another default
        ("genome.output_activation", "text or None; default None"),
        ("genome.weight.minimum", "a number; default -30.0"),
        ("mutation.structural", "'all', 'one' or 'alone'; default 'all'"),
        ("mutation.weight.replace_spread", "a number from 0 or None; default None"),
        ("mutation.add_connection_tries", "an integer from 1 to 10000; default 20"),
        ("reproduction.survival_rate", "a number above 0 to 1; default 0.2"),
        ("seed", "an integer from 0 to 9223372036854775807; default 0"),
    ],
)
def test_the_docstring_tells_what_is_allowed_and_the_default(path, values):
    assert entry(path).endswith(f". {values}")


def test_allowed_ranges_are_those_that_the_config_enforces():
    for path, inside, outside in (
        ("mutation.add_connection_tries", 10_000, 10_001),
        ("reproduction.survival_rate", 1, 1.001),
        ("speciation.target_species", 2**31 - 1, 2**31),
    ):
        section, name = path.split(".")
        (setting,) = (s for s in list_settings(neat.Config) if s.path == path)
        assert setting.allowed.endswith(f" to {inside}")
        neat.Config(genome=GENOME, **{section: {name: inside}})
        with pytest.raises(ValueError, match=name):
            neat.Config(genome=GENOME, **{section: {name: outside}})


def test_describe_tells_values_and_what_differs_from_the_default():
    config = neat.Config(
        genome=GENOME | {"hidden_layers": [3, 2]}, mutation={"weight": {"power": 0.25}}, seed=7
    )
    lines = config.describe().splitlines()
    rows = {line.split()[0]: line for line in lines if line.startswith(tuple(PATHS))}
    assert list(rows) == PATHS
    assert re.search(r" 0\.25 \(default 1\.0\) +Standard deviation", rows["mutation.weight.power"])
    assert re.search(r" 3, 2 \(default none\) +Sizes", rows["genome.hidden_layers"])
    assert re.search(r" 7 \(default 0\) +Seed", rows["seed"])
    assert re.search(r" 2 +Number of inputs", rows["genome.num_inputs"])
    changed = {path for path, row in rows.items() if "(default" in row}
    assert changed == {"mutation.weight.power", "genome.hidden_layers", "seed"}
    tanh = neat.Config(genome=GENOME | {"activation": "tanh"}).describe()
    assert re.search(r" tanh \(default\s+Activations that mutation", tanh)
    assert "(default" not in neat.Config(genome=GENOME).describe()


@pytest.mark.parametrize("width", [100, 140])
def test_a_table_has_the_width_asked_for(width):
    table = neat.Config(genome=GENOME).describe(width)
    assert max(map(len, table.splitlines())) <= width
    assert "…" not in table
    assert all(f"{path} " in table for path in PATHS)


@pytest.mark.parametrize("width", [99, 1001, 120.0, "120", True])
def test_wrong_widths_are_refused(width):
    with pytest.raises(ValueError, match=r"^width: must be an integer from 100 to 1000, got "):
        neat.Config(genome=GENOME).describe(width)


def test_without_source_code_there_are_only_descriptions(monkeypatch):
    def fail(_):
        raise OSError

    monkeypatch.setattr(inspect, "getsource", fail)
    _read_module_texts.cache_clear()
    try:
        assert read_field_texts(neat.config.SpeciationConfig) == {}
        assert set(read_field_texts(neat.GenomeConfig)) == {"weight", "bias", "response"}
        assert "seed" in neat.Config(genome=GENOME).describe()
    finally:
        _read_module_texts.cache_clear()
