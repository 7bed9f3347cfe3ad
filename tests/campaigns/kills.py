"""`python -m tests.campaigns.kills` kills runs, studies and comparisons at random moments.

Each trial starts a command, kills it with SIGKILL after a random time, and continues it: a run or a comparison resumes,
a study goes on, and repeated runs (`--runs`) start again. It repeats this several times, then lets the command end. A
trial passes if

- every checkpoint left by a kill can be loaded and is no older than the one before,
- what a command without a checkpoint has written is the beginning of what an undisturbed one writes,
- all processes of the command end within 10 s,
- the files at the end have the same bytes as those of an undisturbed command.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from neat.io import checkpoint
from tests.support.paths import ROOT

_MARK = "BATCHNEAT_CAMPAIGN"  # an environment variable that marks all processes of a command
_TIME_TO_END = 10.0  # seconds
_KILLS = 4  # per trial
_folders = tempfile.TemporaryDirectory(prefix="undisturbed-")


class Command(NamedTuple):
    """A command line to kill.

    Attributes:
        line: Arguments of `python -m experiments`.
        resumes: Whether `--resume` continues it; otherwise the same arguments do, or start it again.
        growing: File to which it appends its progress; None if that differs from time to time.
        same: Files that must have the same bytes at the end.
        first: File that it writes at its start.
    """

    line: str
    resumes: bool
    growing: str | None
    same: tuple[str, ...]
    first: str = "run.json"


_RUN = (
    "metrics.csv",
    "species.csv",
    "lineage.npy",
    "champions.csv",
    "champions.npz",
    "innovations.csv",
    "phylogeny.csv",
    "species_origins.csv",
    "config.toml",
    "champion.json",
    "model.json",
    "fitness.svg",
    "species.svg",
)
_RUNS = (
    "summary.csv",
    "summary.json",
    "config.toml",
    "champion.json",
    "champion.svg",
    "model.json",
    "runs.svg",
)
_STUDY = (
    "runs.csv",
    "curves.csv.gz",
    "champions.jsonl.gz",
    "plan.json",
    "report.md",
    "report.json",
    "effects.svg",
    "solved-xor.svg",
)
_GRID = "study xor --vary innovation=global,generation,pairing,hashed --seeds 20 --generations 30"
_COMPARISON = ("curves.csv", "summary.json", "plan.json", "compare.svg")
COMMANDS = {
    "run": Command("parity --bits 4 --generations 60 --checkpoint-every 2", True, "metrics.csv", _RUN),
    "episodes": Command(
        "mountain-car --observations normalised --generations 6 --population-size 60 --checkpoint-every 1",
        True,
        "metrics.csv",
        _RUN,
    ),
    "runs": Command("xor --runs 8 --workers 2 --generations 20", False, "summary.csv", _RUNS),
    "study": Command(_GRID, False, None, _STUDY, "plan.json"),
    "study by workers": Command(f"{_GRID} --workers 2", False, None, _STUDY, "plan.json"),
    "comparison": Command("compare --task xor --seeds 12", True, "curves.csv", _COMPARISON),
}


class Fault(Exception):
    """A violation of the conditions above."""


class Process:
    """A running command, with all processes that it starts."""

    def __init__(self, command: Command, folder: Path) -> None:
        arguments = _arguments(command, folder)
        self._mark = uuid.uuid4().hex
        self._description = folder / command.first
        self._before = _stamp(self._description)
        self._errors = folder.with_suffix(".errors").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "experiments", *arguments],
            cwd=folder.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT), _MARK: self._mark},
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    def kill_after(self, seconds: float) -> bool:
        """Kill the command some time after it has written its first file, and check that all its processes end.

        Args:
            seconds: Time after its first file was written; a negative number counts from the start instead.

        Returns:
            Whether the command was killed before it ended.
        """
        if seconds >= 0:
            self._wait_for_description()
        try:
            status = self.process.wait(abs(seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self._expect_all_ended()
            return True
        self._expect_success(status)
        return False

    def finish(self) -> float:
        """Wait for the end of the command; return the seconds since it wrote its first file."""
        self._wait_for_description()
        start = time.monotonic()
        self._expect_success(self.process.wait(300))
        self._expect_all_ended()
        return time.monotonic() - start

    def _wait_for_description(self) -> None:
        while self.process.poll() is None and _stamp(self._description) == self._before:
            time.sleep(0.005)

    def _expect_success(self, status: int) -> None:
        self._errors.seek(0)
        with self._errors:
            written = self._errors.read()
        if status:
            raise Fault(f"ended with status {status}: {written[-2000:]}")

    def _expect_all_ended(self) -> None:
        end = time.monotonic() + _TIME_TO_END
        while left := list(self._living()):
            if time.monotonic() > end:
                for pid in left:
                    os.kill(pid, 9)
                raise Fault(f"{len(left)} processes still live after {_TIME_TO_END:.0f} s")
            time.sleep(0.05)

    def _living(self) -> Iterator[int]:
        mark = f"{_MARK}={self._mark}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        yield int(entry.name)
                except OSError:  # the process has ended or belongs to another user
                    continue


def _stamp(path: Path) -> int:
    """Return a number that differs between versions of a file; 0 if there is no file."""
    return path.stat().st_mtime_ns if path.exists() else 0


def _arguments(command: Command, folder: Path) -> tuple[str, ...]:
    """Return the arguments that resume the run in the folder, or start the command in it."""
    name, *own = command.line.split()
    quiet = () if name == "compare" else ("--quiet",)
    if command.resumes and (folder / "run.json").exists():
        return (name, "--resume", str(folder), *quiet)
    overwrite = () if name == "study" else ("--overwrite",)
    return (name, *own, *quiet, "--output", str(folder), *overwrite)


@functools.cache
def undisturbed(name: str) -> tuple[Path, float]:
    """Return the folder of a command that was not killed, and the seconds after its first file."""
    folder = Path(_folders.name) / name
    command = COMMANDS[name]
    return folder, Process(command, folder).finish()


def trial(name: str, seed: int, kills: int = _KILLS) -> int:
    """Do one trial and return the number of kills.

    Raises:
        Fault: The trial failed.
    """
    command, draw = COMMANDS[name], random.Random(f"{name} {seed}")
    expected, seconds = undisturbed(name)
    done, generation = 0, 0
    with tempfile.TemporaryDirectory(prefix="killed-") as place:
        folder = Path(place) / name
        for _ in range(kills):
            process = Process(command, folder)
            early = draw.random() < 0.1
            if not process.kill_after(-draw.uniform(0.1, 1.0) if early else draw.uniform(0.0, 0.7 * seconds)):
                break
            done += 1
            generation = _check_files(command, folder, expected, generation)
        Process(command, folder).finish()
        for file in command.same:
            if (folder / file).read_bytes() != (expected / file).read_bytes():
                raise Fault(f"{file} differs from that of an undisturbed command")
    return done


def _check_files(command: Command, folder: Path, expected: Path, generation: int) -> int:
    """Check the files that a kill left; return the checkpoint's generation."""
    path = folder / "checkpoint.npz"
    if path.exists():
        reached = checkpoint.load(path).generation
        if reached < generation:
            raise Fault(f"the checkpoint fell back from generation {generation} to {reached}")
        return reached
    if generation:
        raise Fault(f"the checkpoint of generation {generation} is gone")
    if command.growing is not None and (folder / command.growing).exists():
        whole = (expected / command.growing).read_bytes()
        if not whole.startswith((folder / command.growing).read_bytes()):
            raise Fault(f"{command.growing} is not the beginning of what an undisturbed command writes")
    return 0


def main() -> int:
    """Run a campaign and return the exit status, 1 if any trial failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="minimal number of kills")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first trial")
    parser.add_argument("--side-by-side", type=int, default=2, help="number of simultaneous trials")
    options = parser.parse_args()
    counts = dict.fromkeys(COMMANDS, 0)
    faults: list[str] = []
    lock = threading.Lock()
    trials = iter(
        [(name, seed) for seed in range(options.seed, options.seed + options.kills) for name in COMMANDS]
    )

    def work() -> None:
        while True:
            with lock:
                if sum(counts.values()) >= options.kills:
                    return
                name, seed = next(trials)
            try:
                kills = trial(name, seed)
            except (Fault, ValueError, OSError, subprocess.TimeoutExpired) as error:
                kills = 1
                faults.append(f"{name}, seed {seed}: {type(error).__name__}: {error}")
                print(faults[-1], flush=True)
            with lock:
                counts[name] += kills

    for name in COMMANDS:
        undisturbed(name)  # compiles, so that the second time is representative
        shutil.rmtree(Path(_folders.name) / name)
    undisturbed.cache_clear()
    for name in COMMANDS:
        print(f"{name}: {undisturbed(name)[1]:.1f} s undisturbed", flush=True)
    threads = [threading.Thread(target=work) for _ in range(options.side_by_side)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(", ".join(f"{name} {count}" for name, count in counts.items()), end=": ")
    print(f"{sum(counts.values())} kills, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
