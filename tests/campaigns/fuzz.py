"""`python -m tests.campaigns.fuzz` gives damaged and absurd input to the library, in child processes.

A try is a number. Its kind and all its random choices follow from that number. A try passes if a `raise` statement of
this library refuses the input with one short line, or if the input is accepted and then works. It fails if the process
crashes, takes longer than 20 s, needs more than 2 GiB, or raises anything else.

A state file holds the next number, so that a later call continues where the last one stopped.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from tests.support.paths import ROOT

# The kinds of tries 0, 1, 2, …, repeated.
KINDS = (
    *("checkpoint", "genome_json", "checkpoint", "toml", "checkpoint", "ini", "exported_genome"),
    *("checkpoint", "command_line", "checkpoint", "run_json", "csv_data", "api", "api", "api"),
)
SECONDS = 20.0
BYTES = 2 * 2**30
_TRIES_PER_CHILD = 300  # so that memory kept from earlier tries is not counted against a later one


def kind_of(number: int) -> str:
    """Return the kind of a try."""
    return KINDS[number % len(KINDS)]


class Child:
    """A process that does tries one after the other."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.fuzz_child"],
            cwd=ROOT,
            env=environment,
            start_new_session=True,  # so that Ctrl-C reaches only the parent
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.tries = 0
        self.answer("ready")

    def answer(self, question: str) -> dict[str, str]:
        """Return the child's verdict on a try, or the reason why the child ended."""
        assert self.process.stdin is not None and self.process.stdout is not None
        verdict: dict[str, str] = {}
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done, verdict))
        watcher.start()
        try:
            self.process.stdin.write(f"{question}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        done.set()
        watcher.join()
        self.tries += 1
        if line:
            return json.loads(line)
        code = self.process.wait()
        return verdict or {"verdict": "crash", "message": f"the process ended with status {code}"}

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def _watch(self, done: threading.Event, verdict: dict[str, str]) -> None:
        # The first answer takes longer, because the child imports the library and may compile.
        end = time.monotonic() + SECONDS * (6 if self.tries == 0 else 1)
        while not done.wait(0.05):
            if time.monotonic() > end:
                verdict.update(verdict="hang", message=f"not done after {SECONDS:.0f} s")
            elif _peak(self.process.pid) > BYTES:
                verdict.update(verdict="memory", message=f"more than {BYTES // 2**20} MiB")
            else:
                continue
            self.process.send_signal(signal.SIGKILL)
            return


def _peak(pid: int) -> int:
    """Return the peak memory of a process in bytes."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


class Campaign:
    """Tries that children share, and counts of their verdicts by kind.

    Args:
        numbers: Numbers of the tries.
        minutes: Minutes after which no further try begins.
        kinds: Kinds to try; numbers of other kinds are skipped.
    """

    def __init__(self, numbers: Iterable[int], minutes: float, kinds: tuple[str, ...] = KINDS) -> None:
        self.numbers = (number for number in numbers if kind_of(number) in kinds)
        self.end = time.monotonic() + 60 * minutes
        self.counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self.faults: list[tuple[int, dict[str, str]]] = []
        self.done = 0
        self._lock = threading.Lock()

    def run(self, children: int) -> None:
        """Do all tries. Ctrl-C ends the campaign after the running tries."""
        threads = [threading.Thread(target=self._work) for _ in range(children)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            self.end = 0.0
            for thread in threads:
                thread.join()

    def _next(self) -> int | None:
        with self._lock:
            return next(self.numbers, None) if time.monotonic() < self.end else None

    def _work(self) -> None:
        child: Child | None = None
        while (number := self._next()) is not None:
            child = child or Child()
            answer = child.answer(f"{kind_of(number)} {number}")
            with self._lock:
                self.done += 1
                self.counts[kind_of(number), answer["verdict"]] += 1
                if answer["verdict"] not in ("accepted", "refused"):
                    self.faults.append((number, answer))
                    _print_fault(number, answer)
            if child.process.poll() is not None or child.tries > _TRIES_PER_CHILD:
                child.close()
                child = None
        if child is not None:
            child.close()

    def table(self) -> str:
        """Return the counts of verdicts by kind, as text."""
        verdicts = ("accepted", "refused", "crash", "hang", "memory", "error")
        rows = [("kind", "tries", *verdicts)]
        for kind in sorted(set(KINDS)):
            counts = [self.counts[kind, verdict] for verdict in verdicts]
            rows.append((kind, *map(str, (sum(counts), *counts))))
        totals = [sum(self.counts[kind, verdict] for kind in set(KINDS)) for verdict in verdicts]
        rows.append(("all", *map(str, (sum(totals), *totals))))
        return "\n".join("  ".join(f"{cell:>12}" for cell in row) for row in rows)


def _print_fault(number: int, answer: dict[str, str]) -> None:
    print(f"\n{answer['verdict']}: {kind_of(number)} {number}\n{answer['message']}", flush=True)


def main() -> int:
    """Run a campaign and return the exit status, 1 if any try failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.fuzz", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="minutes after which no further try begins"
    )
    parser.add_argument("--tries", type=int, default=2**62, help="maximal number of tries")
    parser.add_argument("--first", type=int, help="first number; default: the next one of the state file")
    parser.add_argument("--children", type=int, default=2, help="processes side by side")
    parser.add_argument(
        "--kinds", default=",".join(sorted(set(KINDS))), help="kinds of input, separated by commas"
    )
    parser.add_argument("--state", type=Path, default=ROOT / ".fuzz.json", help="state file")
    options = parser.parse_args()
    continues = options.first is None and set(options.kinds.split(",")) == set(KINDS)
    first = options.first or 0
    if continues:
        first = json.loads(options.state.read_text("utf-8"))["next"] if options.state.exists() else 0
    campaign = Campaign(range(first, first + options.tries), options.minutes, tuple(options.kinds.split(",")))
    campaign.run(options.children)
    following = next(campaign.numbers, first + options.tries)
    print(campaign.table())
    print(f"{campaign.done} tries, {len(campaign.faults)} faults; the next number is {following}")
    if continues:
        options.state.write_text(json.dumps({"next": following}) + "\n", "utf-8")
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main())
