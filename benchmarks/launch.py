"""The host's time for a GPU kernel's arguments, beside numba-cuda's own code. It needs no GPU, and is run by hand.

    python -m benchmarks.launch

Both turn the same arrays into the same words, as tests/gpu/test_launcher.py tests. The stand-ins for device arrays come
from that file. Neither side includes the driver's part of a launch.
"""

import statistics
import timeit

import numpy as np

from evaluators.gpu import launcher
from tests.gpu.test_launcher import KERNELS, numba_words, pairs

ROUNDS, CALLS = 15, 200


def main() -> None:
    for name, kernel in KERNELS.items():
        signature = kernel.signature
        ours, theirs = zip(*(pairs(np.random.default_rng(3), kind) for kind in signature.args), strict=True)
        makers = launcher.makers(signature)
        spent: dict[str, list[float]] = {"ours": [], "numba-cuda": []}
        for _ in range(ROUNDS):  # alternate
            for way, call in (
                ("ours", lambda o=ours, m=makers: launcher.words(m, o)),
                ("numba-cuda", lambda t=theirs, s=signature: numba_words(s, t)),
            ):
                spent[way].append(timeit.timeit(call, number=CALLS) / CALLS)
        mine, numbas = (statistics.median(times) * 1e6 for times in spent.values())
        print(f"{name}: {mine:.1f} µs, numba-cuda {numbas:.1f} µs, {numbas / mine:.1f}×")


if __name__ == "__main__":
    main()
