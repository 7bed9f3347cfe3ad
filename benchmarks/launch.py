"""What the host spends on a GPU kernel's arguments, beside numba-cuda's own way; no GPU is needed, run by hand.

    python -m benchmarks.launch

Both make the same numbers of the same arrays, which tests/gpu/test_launcher.py shows; from there are the stand-ins for
arrays of a device. The driver's part of a launch is in neither.
"""

import statistics
import timeit

import numpy as np

from evaluators.gpu import launcher
from tests.gpu.test_launcher import KERNELS, numbas_words, pairs

ROUNDS, CALLS = 15, 200


def main() -> None:
    for name, kernel in KERNELS.items():
        signature = kernel.signature
        ours, theirs = zip(*(pairs(np.random.default_rng(3), kind) for kind in signature.args), strict=True)
        makers = launcher.makers(signature)
        spent: dict[str, list[float]] = {"ours": [], "numba-cuda": []}
        for _ in range(ROUNDS):  # in turn
            for way, call in (
                ("ours", lambda o=ours, m=makers: launcher.words(m, o)),
                ("numba-cuda", lambda t=theirs, s=signature: numbas_words(s, t)),
            ):
                spent[way].append(timeit.timeit(call, number=CALLS) / CALLS)
        mine, numbas = (statistics.median(times) * 1e6 for times in spent.values())
        print(f"{name}: {mine:.1f} µs, numba-cuda {numbas:.1f} µs, {numbas / mine:.1f}×")


if __name__ == "__main__":
    main()
