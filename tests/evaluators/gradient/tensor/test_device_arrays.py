"""Memory of arrays."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
import evaluators.gradient

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(5):
    before = faults()
    arrays = [np.ones(750_000, np.float32) for _ in range(8)]
    del arrays
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc, whose allocator returns memory")
def test_freed_memory_is_used_again_without_clearing():
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout
    assert int(output) < 500  # of 5,900 pages of 4 KiB
