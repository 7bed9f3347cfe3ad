"""Help code that kernels run to run uncompiled, in a process with NUMBA_DISABLE_JIT=1."""

import contextlib
from types import SimpleNamespace
from unittest import mock

from neat.config.config import to_record


def _namespace(record):
    """Return a record with attributes, which NumPy's records do not have."""
    fields = record.dtype.names
    return SimpleNamespace(
        **{f: _namespace(record[f]) if record[f].dtype.names else record[f] for f in fields}
    )


@contextlib.contextmanager
def readable_records():
    """Let the settings of runs that begin within the context be read as compiled code reads them."""
    with contextlib.ExitStack() as patches:
        for module in (
            "neat.evolution.run_settings",
            "neat.state.generation_step",
            "neat.evolution.speciation",
        ):
            patched = mock.patch(f"{module}.to_record", lambda section: [_namespace(to_record(section)[0])])
            patches.enter_context(patched)
        yield
