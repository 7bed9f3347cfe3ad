"""Time and memory per genome for growing populations, each measured in its own process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.support.report import Table, seconds, size

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
BEFORE, MEASURED = 20, 10  # generations; by then the threshold is stable and genomes have similar sizes
TARGET_SPECIES = 20
REFERENCE, LARGEST = 10_000, 1_000_000
TIME_TARGET, MEMORY_TARGET = 2.5, 4 * 2**30


def run(quick: bool) -> dict[str, Any]:
    rows = []
    for population in SIZES[: 4 if quick else None]:
        output = subprocess.run(
            [sys.executable, "-m", "benchmarks.parts.growth", str(population)],
            capture_output=True,
            text=True,
            check=True,
        )
        rows.append(json.loads(output.stdout))
    return {"rows": rows}


def _measure(population: int) -> dict[str, Any]:
    from benchmarks.support.xor import Run, default_config

    run_ = Run(default_config(population, speciation={"target_species": TARGET_SPECIES}))
    run_.advance(BEFORE)
    turns = [run_.advance(1) for _ in range(MEASURED)]
    means = {
        name: statistics.mean(turn[name] for turn in turns)
        for name in ("nodes", "connections", "bytes", "species")
    }
    return {
        "population": population,
        "seconds": statistics.median(turn["seconds"] for turn in turns),
        **means,
        "peak_bytes": _peak_bytes(),
    }


def _peak_bytes() -> int:
    """Return the peak memory of this process. `getrusage` would include that of the parent process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def tables(result: dict[str, Any]) -> list[Table]:
    each = {row["population"]: row["seconds"] / row["population"] for row in result["rows"]}
    rows = [
        [
            f"{row['population']:,}",
            seconds(row["seconds"]),
            seconds(each[row["population"]]),
            f"{each[row['population']] / each[REFERENCE]:.2f}",
            f"{row['bytes']:.0f}",
            size(row["peak_bytes"]),
            f"{row['nodes'] + row['connections']:.1f}",
            f"{row['species']:.1f}",
        ]
        for row in result["rows"]
    ]
    columns = [
        "population",
        "a generation",
        "for each genome",
        f"relative to {REFERENCE:,}",
        "bytes of a genome",
    ]
    columns += ["peak memory", "genes", "species"]
    return [
        Table(
            f"XOR, default settings, target of {TARGET_SPECIES} species, generations {BEFORE}-{BEFORE + MEASURED}",
            columns,
            rows,
            [
                f"Targets at {LARGEST:,}: at most {TIME_TARGET} relative to {REFERENCE:,}, under "
                f"{size(MEMORY_TARGET)} of memory for the whole process."
            ],
        )
    ]


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
