import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import evaluators
from evaluators import per_genome
from evaluators.cpu.compilation import as_compiled
from neat.genome.genome import Genomes
from neat.kernels import rng

DATA = {
    "num_inputs": 1,
    "num_outputs": 1,
    "feed_forward": False,
    "nodes": [{"id": 1, "activation": "identity"}],
    "connections": [
        {"innovation": 0, "source": 0, "target": 1, "weight": 1.0},
        {"innovation": 1, "source": 1, "target": 1, "weight": 1.0},
    ],
}


def weighted(weight):
    first, second = DATA["connections"]
    return {**DATA, "connections": [{**first, "weight": weight}, second]}


GENOMES = Genomes.from_list([weighted(float(weight)) for weight in range(10)])


def adds_up(network):
    first = [network.activate([1.0])[0] for _ in range(3)]
    network.reset()
    return float(sum(first) + 100 * network.activate([1.0])[0])


def fails_at_3(network):
    if network.activate([1.0])[0] == 3.0:
        raise KeyError("no such thing")
    return 0.0


def dies(network):
    os._exit(3)


def returns_text(network):
    return "good"


EXPECTED = 106.0 * np.arange(10)


@pytest.fixture
def two_workers():
    made = []

    def make(function, **arguments):
        made.append(evaluators.PerGenome(function, workers=2, **arguments))
        return made[-1]

    yield make
    for evaluator in made:
        evaluator.close()


def test_in_this_process():
    fitness = evaluators.PerGenome(adds_up)(GENOMES)
    assert fitness.dtype == np.float64
    np.testing.assert_array_equal(fitness, EXPECTED)


def test_in_workers(two_workers):
    evaluator = two_workers(adds_up)
    for _ in range(2):
        np.testing.assert_array_equal(evaluator(GENOMES), EXPECTED)


def test_an_error_in_this_process_passes_through():
    with pytest.raises(KeyError):
        evaluators.PerGenome(fails_at_3)(GENOMES)


def test_an_error_in_a_worker_names_the_genome(two_workers):
    evaluator = two_workers(fails_at_3)
    with pytest.raises(RuntimeError) as error:
        evaluator(GENOMES)
    assert str(error.value) == "the function failed in a worker for genome 3: KeyError: 'no such thing'"


def dies_at_4(network):
    if network.activate([1.0])[0] == 4.0:
        os._exit(3)
    network.reset()
    return fails_at_3(network)


@pytest.mark.parametrize("workers", [1, 2])
def test_genomes_that_fail_get_the_worst_fitness(workers, caplog):
    function, failing = (fails_at_3, [3]) if workers == 1 else (dies_at_4, [3, 4])
    with evaluators.PerGenome(function, workers=workers, retries=0, on_error="worst") as evaluator:
        fitness = evaluator(GENOMES)
    np.testing.assert_array_equal(np.flatnonzero(fitness == -np.inf), failing)
    assert not fitness[np.delete(np.arange(10), failing)].any()
    messages = [record.getMessage() for record in caplog.records]
    assert any(m.startswith("genome 3 gets the worst fitness: ") and "no such thing" in m for m in messages)
    assert len(messages) == len(failing)


def test_a_worker_that_dies_raises_and_the_next_call_starts_new_ones(two_workers):
    evaluator = two_workers(dies, retries=0)
    message = r"^genomes [02] to [13]: a worker process ended with status 3 before its work was done$"
    for _ in range(2):
        with pytest.raises(RuntimeError, match=message):
            evaluator(GENOMES)


def stops_at_3(network):
    """Stop the first process that evaluates genome 3."""
    weight, flag = network.activate([1.0])[0], Path(os.environ["NOTES"]) / "flag"
    if weight == 3.0 and flag.exists():
        flag.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)
    return float(weight)


def test_the_work_of_a_stopped_worker_is_repeated(tmp_path, monkeypatch, caplog):
    (tmp_path / "flag").touch()
    monkeypatch.setenv("NOTES", str(tmp_path))
    with evaluators.PerGenome(stops_at_3, workers=2, timeout=2.0) as evaluator:
        np.testing.assert_array_equal(evaluator(GENOMES), np.arange(10))
    expected = "genome 3: a worker process took more than 2 s (timeout); its work is repeated (1 of 2)"
    assert expected in [record.getMessage() for record in caplog.records]


def fails_at_length(network):
    raise ValueError("a\nb" * 5000)


def test_messages_of_workers_are_short():
    networks = as_compiled(GENOMES)
    with pytest.raises(RuntimeError) as error:
        per_genome._evaluate_networks(
            fails_at_length, (networks, rng.Key(0, 0, 7), per_genome._registered_names())
        )
    message = str(error.value)
    assert message.startswith("the function failed in a worker for genome 7: ValueError: a ba b")
    assert "\n" not in message and len(message) < 2000


@pytest.mark.parametrize("workers", [1, 2])
def test_fitness_must_be_a_number(two_workers, workers):
    evaluator = evaluators.PerGenome(returns_text) if workers == 1 else two_workers(returns_text)
    with pytest.raises(
        (ValueError, RuntimeError), match="function: expected a number as fitness, got 'good'"
    ):
        evaluator(GENOMES)


def test_bad_arguments_are_refused():
    with pytest.raises(
        ValueError, match=r"^function: workers need one that is defined at the top of a module, got <"
    ):
        evaluators.PerGenome(lambda network: 1.0, workers=2)
    with pytest.raises(ValueError, match=r"^function: expected a function of a network, got 3$"):
        evaluators.PerGenome(3)
    for workers in (0, -1, 1.5, True, None):
        with pytest.raises(ValueError, match=f"^workers: expected an integer of at least 1, got {workers}$"):
            evaluators.PerGenome(adds_up, workers=workers)
    for timeout in (0, -1.0, float("nan"), True, "5", 2e6):
        expected = f"timeout: expected seconds above 0 and at most 1e6, got {timeout!r}"
        with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
            evaluators.PerGenome(adds_up, workers=2, timeout=timeout)
    with pytest.raises(ValueError, match=r"^timeout: needs workers of at least 2, .*, got 1$"):
        evaluators.PerGenome(adds_up, timeout=5.0)


def test_bad_inputs_are_refused():
    with pytest.raises(ValueError, match=r"^inputs: expected shape \(1,\), got \(2,\)$"):
        evaluators.PerGenome(lambda network: network.activate([1.0, 2.0])[0])(GENOMES)


SCRIPT = """
import evaluators, neat.genome
from neat.activations import register_activation

register_activation("half", lambda x: x / 2)

def fitness(network):
    return float(network.activate([4.0])[0])

if __name__ == "__main__":
    genome = {"num_inputs": 1, "num_outputs": 1, "nodes": [{"id": 1, "activation": "half"}],
              "connections": [{"innovation": 0, "source": 0, "target": 1, "weight": 1.0}]}
    with evaluators.PerGenome(fitness, workers=2) as evaluator:
        print(evaluator(neat.genome.Genomes.from_list([genome] * 3)).tolist())
"""


def run_script(tmp_path, text, interactively=False):
    script = tmp_path / "script.py"
    script.write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(Path(evaluators.__file__).parents[1])}
    arguments = [] if interactively else [script]
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        input=text if interactively else None,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_functions_of_a_script(tmp_path):
    done = run_script(tmp_path, SCRIPT.replace("* 3", "* 1"))  # so that one worker compiles the activation
    assert done.stdout == "[2.0]\n", done.stderr


def test_errors_name_activations_that_only_the_parent_registers(tmp_path):
    line = 'register_activation("half", lambda x: x / 2)\n'
    hidden = SCRIPT.replace(line, "").replace('__main__":\n', f'__main__":\n    {line}')
    done = run_script(tmp_path, hidden)
    assert (
        done.stderr.splitlines()[-1]
        == "RuntimeError: a worker does not know half: register at the top of the script"
    )


def test_the_error_in_an_interactive_session_says_what_to_do(tmp_path):
    done = run_script(tmp_path, SCRIPT, interactively=True)
    message = done.stderr.splitlines()[-1]
    assert message.startswith("ValueError: function: workers cannot import <function fitness")
    assert "defined in a notebook or an interactive session; put it into a file" in message
    assert "__name__" not in message


def test_the_error_of_a_script_without_a_guard_says_so(tmp_path):
    done = run_script(tmp_path, SCRIPT.replace('__name__ == "__main__"', "True").replace("* 3", "* 1"))
    message = done.stderr.splitlines()[-1]
    assert message.startswith("RuntimeError: genome 0: a worker process ended with status 1 while it started")
    assert message.endswith("if the script ran again there, put its work under `if __name__ == '__main__':`")


def test_the_error_of_a_function_under_the_guard_says_so(tmp_path):
    function = SCRIPT[SCRIPT.index("def fitness") : SCRIPT.index("if __name__")]
    lines = "".join(f"    {line}\n" for line in function.strip().splitlines())
    hidden = (
        SCRIPT.replace("* 3", "* 1").replace(function, "").replace('__main__":\n', f'__main__":\n{lines}')
    )
    message = run_script(tmp_path, hidden).stderr.splitlines()[-1]
    assert message.startswith("RuntimeError: genome 0: a worker process cannot import its function")
    assert "fitness" in message and message.endswith("define that at the top of a module or a script")


@pytest.mark.parametrize(
    "value", ["1.0", b"1", np.array("1.0"), None, [1.0], np.ma.masked, 1j, 10**400], ids=range(8)
)
def test_a_fitness_must_be_a_number(value):
    with pytest.raises(ValueError, match=r"^function: expected a number as fitness, got "):
        evaluators.PerGenome(lambda network: value)(GENOMES)
