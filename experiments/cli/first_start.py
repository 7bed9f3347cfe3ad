"""Compilation at the first start on a machine, shared by two processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal

import numpy as np

from evaluators.devices import describe
from experiments.tasks.experiment import Evaluator, Experiment
from neat import Config, Population
from neat.evolution import breeding
from neat.kernels import disk_cache, jit, parallel
from neat.processes.process_lifetime import end_with_parent
from neat.processes.worker_processes import START_TIMEOUT


def print_device(evaluator: Evaluator) -> None:
    """Print the devices that evaluate networks, if the evaluator has a choice of devices."""
    devices = getattr(evaluator, "devices", None)
    if devices:
        print(describe(devices), flush=True)


def compile_ahead(experiment: Experiment, config: Config, device: str, quiet: bool) -> None:
    """Compile evaluation and reproduction in parallel, unless they were compiled before.

    Both processes save their builds on disk, where all later processes find them.
    """
    single_threaded = parallel.get_threads() == 1
    if single_threaded or jit.is_built(breeding.breed) or not jit.can_be_saved(breeding.breed):
        if not quiet and not getattr(experiment.evaluator(device), "is_built", True):
            print("first start of this task: compiling it, which takes about 15 seconds", flush=True)
        return
    if not quiet:
        print("first start: compiling for this machine, which takes about half a minute", flush=True)
    config = config.updated(population_size=min(config.population_size, 100))
    context = multiprocessing.get_context("spawn")
    helper = context.Process(target=_evaluate, args=(experiment, config, device), daemon=True)
    helper.start()
    Population(config).tell(np.zeros(config.population_size))
    helper.join(START_TIMEOUT)
    helper.kill()  # the run compiles whatever is still missing
    helper.join()


def _evaluate(experiment: Experiment, config: Config, device: str) -> None:
    end_with_parent()
    disk_cache.defer_warning()  # the parent compiles too, and issues the warning
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted parent ends this process itself
    with contextlib.suppress(Exception):  # the run raises it again, and the command line prints it
        experiment.evaluator(device)(Population(config).ask())
