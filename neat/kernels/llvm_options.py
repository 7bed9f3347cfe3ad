"""Full-width vectors for everything that numba compiles in this process; imported before the rest of the package."""

from __future__ import annotations

import os
import sys

from llvmlite import binding

# Short loops end in vectors of 8 rather than 4: the episodes side by side, of which there are 8 or 16.
binding.set_option("batchneat", "-epilogue-vectorization-force-VF=8")

# Where there are vectors of 512 bits, LLVM uses half of them unless told otherwise, and a forward pass takes 1.4 times
# as long.
_features = binding.get_host_cpu_features()
if _features.get("avx512f"):
    os.environ.setdefault("NUMBA_CPU_FEATURES", f"{_features.flatten()},-prefer-256-bit")
    if "numba" in sys.modules:  # which otherwise reads this when it is imported
        sys.modules["numba"].config.reload_config()
