"""Let LLVM use full-width vectors for all that numba compiles; imported before the rest of the package."""

from __future__ import annotations

import os
import sys

from llvmlite import binding

# Compute the rest of a vectorised loop by 8 rather than 4, because 8 or 16 episodes are stepped side by side.
binding.set_option("batchneat", "-epilogue-vectorization-force-VF=8")

# Even if the CPU has vectors of 512 bits, LLVM prefers 256, with which a forward pass takes 1.4 times as long.
_features = binding.get_host_cpu_features()
if _features.get("avx512f"):
    os.environ.setdefault("NUMBA_CPU_FEATURES", f"{_features.flatten()},-prefer-256-bit")
    if "numba" in sys.modules:  # numba reads the variable only when it is imported
        sys.modules["numba"].config.reload_config()
