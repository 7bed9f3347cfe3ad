# ruff: noqa: E501
"""Command lines that are refused, each with its message."""

import re
import subprocess
import sys

import pytest

from experiments.__main__ import main
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("undrawn", "in_empty_folder")


FILES = {
    "good.csv": "a,b,kind\n1,2,u\n3,4,v\n5,6,u\n7,8,v\n",
    "empty.csv": "",
    "headless.csv": "1,2\n3,4\n",
    "header.csv": "a,b\n",
    "short.csv": "a,b\n1,2\n3\n",
    "word.csv": "a,b\n1,2\n3,four\n",
    "nan.csv": "a,b\n1,2\nnan,4\n",
    "huge.csv": "a,b\n1,2\n1e39,4\n",
    "twice.csv": "a,a\n1,2\n",
    "nameless.csv": "a,,c\n1,2,3\n",
    "single.csv": "a\n1\n",
    "one.csv": "a,b\n1,2\n",
    "lonely.csv": "a,kind\n1,u\n2,u\n3,u\n4,v\n",
    "ids.csv": "a,id\n1,n1\n2,n2\n3,n3\n4,n4\n",
    "mixed.csv": "a,b\n1,u\n2,5\n",
    "decimals.csv": "a;b\n1,5;2\n2.5;3\n",
    "hole.csv": "a,b\n1,2\n,4\n5,6\n",
    "numbers.csv": "a,b\n1,2\n3,4\n5,6\n7,8\n",
    "void.csv": "a,b\n,2\n,4\n,5\n,6\n",
    "blank.csv": "a,kind\n1,u\n2,\n",
    "broken.toml": "population_size = = 3\n",
    "unknown.toml": "poplation_size = 3\n",
    "task.toml": "[genome]\nnum_inputs = 7\n",
}
BAD = [
    ("chess", r"experiment: must be one of xor, .*, gymnasium, compare, export, predict, play, record, show, study, got 'chess'$"),
    ("parrity", r"experiment: .*, got 'parrity'; did you mean parity\?$"),
    ("Mountain_Car", r"got 'Mountain_Car'; did you mean mountain-car\?$"),
    ("comparee", r"got 'comparee'; did you mean compare\?$"),
    ("compare --task cart-pole", r"task: must be one of xor, .*, got 'cart-pole'; did you mean cartpole\?$"),
    ("xor --populaton-size 9", r"--populaton-size: there is no such option; did you mean --population-size\?"),
    ("xor --qqq", r"--qqq: there is no such option"),
    ("xor --genome.num-inputs 3", r"--genome.num-inputs: there is no such option"),
    ("xor surplus", r"Unrecognized options: surplus"),
    ("xor --population-size many", r"--population-size: invalid literal for int\(\) with base 10: 'many'"),
    ("xor --population-size", r"Missing value for argument '--population-size'"),
    ("xor --population-size 1", r"population_size: input should be greater than or equal to 2, got 1"),
    ("xor --seed -1", r"seed: input should be greater than or equal to 0, got -1"),
    ("xor --innovation newest", r"invalid choice 'newest' for argument '--innovation'.*'global', 'generation', 'pairing', 'hashed', 'unshared'"),
    ("xor --mutation.add-node-rate 1.5", r"mutation.add_node_rate: input should be less than or equal to 1, got 1.5"),
    ("xor --mutation.add-node-rate nan", r"mutation.add_node_rate: input should be .*, got nan"),
    ("xor --genome.activation tahn", r"genome.*tahn"),
    ("xor --genome.weight.minimum 5", r"genome.weight.mean: must lie from minimum 5.0 to maximum 30.0, got 0.0"),
    ("xor --innovation pairing --speciation.excess-coefficient 2", r"excess_coefficient: must equal disjoint_coefficient"),
    ("xor --generations 0", r"generations: must be at least 1, got 0"),
    ("xor --runs 0", r"runs: must be at least 1, got 0"),
    ("xor --workers -2", r"workers: must be at least 1, got -2"),
    ("xor --threads 0", r"threads: must be at least 1, got 0"),
    ("xor --threads 5000", r"threads: must be from 1 to 1024, got 5000"),
    ("xor --runs 2 --workers 99999999999", r"workers: must be less than 2147483648, got 99999999999"),
    ("xor --runs 2 --workers 5000", r"workers: must be at most 1024, got 5000"),
    ("xor --runs 2 --workers 2 --timeout nan", r"timeout: must be above 0 and at most 1e6 seconds, got nan"),
    ("xor --runs 2 --workers 2 --timeout 0", r"timeout: must be above 0 and at most 1e6 seconds, got 0.0"),
    ("xor --retries 3", r"retries: needs cluster or workers of at least 2, which can be ended"),
    ("xor --cluster local --retries -1", r"retries: must be from 0 to \d+, got -1"),
    ("xor --runs 2 --cluster local --workers 2", r"workers: cannot be combined with cluster and several runs.*"),
    ("xor --runs 2 --timeout 5", r"timeout: needs cluster or workers of at least 2, which can be ended"),
    ("xor --reproduction.elites 99999999999999999999", r"reproduction\.elites: .* less than 2147483648"),
    ("xor --workers 4 --retries 3", r"workers: needs several runs, schemes or cluster, got 4"),
    ("xor --runs 5 --checkpoint-every 2", r"checkpoint_every: needs a single run, got 2 and several runs"),
    ("xor --runs 5 --tensorboard", r"tensorboard: needs a single run, got True and several runs"),
    ("xor --schemes --verbose", r"verbose: needs a single run, got True and several runs"),
    ("xor --checkpoint-every 0", r"checkpoint_every: must be at least 1, got 0"),
    ("xor --device tpu", r"device: expected 'auto', 'cpu', .*, got 'tpu'"),
    ("xor --quiet --verbose", r"quiet: cannot be combined with verbose"),
    ("xor --preset stanley2020", r"preset: must be one of .*, got 'stanley2020'"),
    ("xor --config nowhere.toml", r"nowhere.toml: cannot be read: No such file"),
    ("xor --config broken.toml", r"broken.toml: not valid TOML: .*line 1"),
    ("xor --config unknown.toml", r"unknown.toml: poplation_size: there is no such field"),
    ("xor --config task.toml", r"task.toml: genome.num_inputs: must be 2, as the task has, got 7"),
    ("xor --output good.csv", r"output: must be a folder, got the file good.csv"),
    ("xor --output good.csv/under", r"good.csv/under: Not a directory"),
    ("xor --output .", r"output: \. is not empty; --overwrite writes into it anyway"),
    ("xor --resume nowhere", r"resume: there is no folder nowhere"),
    ("xor --resume .", r"resume: run.json: cannot be read: No such file"),
    ("xor --resume nowhere --runs 3", r"runs: cannot be combined with resume"),
    ("xor --resume nowhere --output b", r"output: cannot be combined with resume"),
    ("xor --resume nowhere --preset stanley2002", r"preset: cannot be combined with resume"),
    ("parity --bits 1", r"bits: must be from 2 to 16, got 1"),
    ("parity --bits 2.5", r"--bits: invalid literal for int"),
    ("parity --learn-best 0", r"learn_best: must be above 0 and at most 1, got 0.0$"),
    ("parity --learn-steps 3 --learn-every 0", r"learn_every: expected an integer from 1 to 16777215, got 0$"),
    ("parity --learn-steps 3 --learn-batch 0", r"learn_batch: expected an integer from 1 to 16777215, got 0$"),
    ("parity --learn-best 0.5", r"learn_best: needs learn_steps of at least 1, since no genome learns, got 0.5$"),
    ("multiplexer --learn-every 2", r"learn_every: needs learn_steps of at least 1, .*, got 2$"),
    ("regression --learn-batch 9", r"learn_batch: needs learn_steps of at least 1, .*, got 9$"),
    ("regression --learn-rate 0.5 --runs 2", r"learn_rate: needs learn_steps of at least 1, .*, got 0.5$"),
    ("classification --data good.csv --target kind --no-inherit", r"inherit: needs learn_steps .*, got False$"),
    ("regression --data numbers.csv --target b --samples 9", r"samples: is for a formula, and cannot be given with data, got 9$"),
    ("regression --data numbers.csv --target b --range 0 1", r"range: is for a formula, .*, got \(0.0, 1.0\)$"),
    ("parity --learn-rate 0", r"learn_rate: must be above 0 and finite, got 0.0$"),
    ("parity --learn-rate inf", r"learn_rate: must be above 0 and finite, got inf$"),
    ("parity --learn-rate nan", r"learn_rate: must be above 0 and finite, got nan$"),
    ("regression --formula x+", r"formula: .*invalid syntax.*, got 'x\+'"),
    ("regression --formula 3", r"formula: must have a variable, got '3'"),
    ("regression --formula __import__('os')", r"formula: .* is not allowed; allowed are numbers, variables, .* sin"),
    ("regression --formula sin(x,x)", r"formula: sin takes 1 argument\(s\), got 2"),
    ("regression --formula log(x)", r"formula: must be finite over the range, got nan at x = -"),
    ("regression --formula x --data good.csv", r"formula: cannot be given together with data good.csv, got 'x'"),
    ("regression --data good.csv", r"target: names a column of data, give both or none, got None"),
    ("regression --data nowhere.csv --target a", r"nowhere.csv: cannot be read: No such file"),
    ("regression --data good.csv --target c", r"good.csv: line 1: target: must be one of a, b, kind, got 'c'"),
    ("regression --data good.csv --target kind", r"good.csv: line 2: column 'kind': must be a number, got 'u'"),
    ("regression --data ids.csv --target a", r"ids.csv: column 'id': has 4 different texts in 4 samples, too many"),
    ("regression --data mixed.csv --target a", r"mixed.csv: line 2: column 'b': must be a number, got 'u'"),
    ("regression --data decimals.csv --target a", r"decimals.csv: line 3: column 'a': '2.5' has a decimal point, but line 2"),
    ("regression --data hole.csv --target b", r"hole.csv: line 3: column 'a': must not be empty; --missing mean fills empty"),
    ("regression --data hole.csv --target a --missing mean", r"hole.csv: line 3: column 'a': must not be empty$"),
    ("regression --data void.csv --target b --missing mean", r"data: column 'a': expected a value, got 3 empty cells"),
    ("regression --missing mean", r"missing: is for the empty cells of a CSV file as data, got 'mean'"),
    ("classification --data iris --missing mean", r"missing: is for the empty cells of a CSV file as data, got 'mean'"),
    ("regression --data good.csv --target a --missing median", r"invalid choice 'median' for argument '--missing'"),
    ("regression --data numbers.csv --target a --genome.output-activation sigmoid", r"genome.output_activation: cannot be 'sigmoid'"),
    ("regression --data empty.csv --target a", r"empty.csv: line 1: expected a header, found nothing"),
    ("regression --data headless.csv --target a", r"headless.csv: line 1: expected a header with the columns' names, got numbers"),
    ("regression --data header.csv --target a", r"header.csv: line 1: expected samples after the header, found none"),
    ("regression --data short.csv --target a", r"short.csv: line 3: expected 2 values, got 1"),
    ("regression --data word.csv --target a", r"word.csv: line 3: column 'b': must be a number, got 'four'"),
    ("regression --data nan.csv --target a", r"nan.csv: line 3: column 'a': must not be empty"),
    ("regression --data huge.csv --target a", r"huge.csv: line 3: column 'a': must be a finite float32, got '1e39'"),
    ("regression --data twice.csv --target a", r"twice.csv: line 1: there are two columns 'a'"),
    ("regression --data nameless.csv --target a", r"nameless.csv: line 1: column 2 has no name"),
    ("regression --data single.csv --target a", r"single.csv: line 1: expected a feature beside the target"),
    ("regression --data one.csv --target a", r"data: expected at least 2 samples, to train and to test, got 1"),
    ("regression --data binary.csv --target a", r"binary.csv: must be UTF-8 text"),
    ("regression --range 3 3", r"range: must ascend and lie within ±1e6, got 3 3"),
    ("regression --samples 2", r"samples: must be from 4 to 10000000, got 2"),
    ("regression --test-share 1", r"test_share: must lie between 0 and 1, got 1.0"),
    ("regression --split-seed -1", r"split_seed: must be at least 0, got -1"),
    ("classification --data good.csv", r"target: must name a column of a CSV file, and cannot be combined with iris, digits, spirals; got None"),
    ("classification --data spirals --target a", r"target: must name a column of a CSV file, .* got 'a' with data spirals"),
    ("classification --data good.csv --target a", r"target: must hold at least 2 classes, .* got 4 in 4 samples"),
    ("classification --data good.csv --label kind", r"--label: is now called --target$"),
    ("classification --data lonely.csv --target kind", r"expected at least 2 samples of class 'v', .* got 1"),
    ("classification --data blank.csv --target kind", r"blank.csv: line 3: column 'kind': must not be empty"),
    ("classification --data one.csv --target b", r"target: must hold at least 2 classes, .* got 1 in 1 samples"),
]  # fmt: skip


@pytest.fixture
def some_files(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "binary.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    return {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(("line", "message"), BAD, ids=[line for line, _ in BAD])
def test_mistakes(line, message, some_files, tmp_path, capsys):
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1 and err.startswith("error: ")
    assert re.search(message, err), err
    assert {path.name for path in tmp_path.iterdir()} == some_files, "nothing may be written"


@pytest.mark.parametrize("line", ["chess", "xor --generations x", "parity --bits 1"])
def test_mistakes_in_a_process(line):
    arguments = [sys.executable, "-m", "experiments", *line.split()]
    ended = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1
