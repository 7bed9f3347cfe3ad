"""An executor whose calls are tasks of a Ray cluster, for work whose unit is a whole run."""

from __future__ import annotations

import faulthandler
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from typing import Any, NamedTuple

from evaluators.distributed.ray_backend import connect, describe_loss
from neat.kernels import parallel
from neat.processes.worker_processes import RETRIES, TaskLost, sendable_error


class RayExecutor(Executor):
    """Calls functions on a Ray cluster, such as the runs of a `neat.Study`: `study.run(folder, executor=…)`.

    Args:
        cluster: "local", "auto" or an address, as for `evaluators.Distributed`.
        retries: How often a call is repeated if its process or its node dies. A call that raises is not repeated.
        num_cpus: CPU cores of a call; also its threads for networks.
        timeout: Seconds that a call may take, without the time for which it waits for a core. A process that takes
            longer ends, as if it had died. None: no limit.

    Raises:
        ImportError: Ray is not installed.
        ValueError: There is no such cluster.
    """

    def __init__(
        self,
        cluster: str = "local",
        retries: int = RETRIES,
        num_cpus: float = 1,
        timeout: float | None = None,
    ) -> None:
        self._ray, self._is_ours = connect(cluster)
        self._limits = _Limits(max(1, int(num_cpus)), timeout)
        self._call = self._ray.remote(_call).options(num_cpus=num_cpus, max_retries=retries)
        self._pending: dict[Future[Any], Any] = {}  # Ray's references
        self._is_shut = False

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Return the future of a call of a function on the cluster; a call that is cancelled ends there too.

        Raises:
            RuntimeError: `shutdown` has been called.
        """
        if self._is_shut:
            raise RuntimeError("executor: takes no calls after its shutdown")
        future: Future[Any] = Future()
        reference = self._call.remote(self._limits, function, arguments, named)
        self._pending[future] = reference
        future.add_done_callback(self._forget)
        reference.future().add_done_callback(lambda done: _settle(future, done, self._limits))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and end a cluster that this executor has started.

        Args:
            wait: Whether to wait for the calls that were submitted. Otherwise those on a cluster that this executor has
                started are cancelled, since it ends.
            cancel_futures: Whether to cancel the calls that are not done.
        """
        self._is_shut = True
        if cancel_futures or (self._is_ours and not wait):
            for future in list(self._pending):
                future.cancel()
        if wait:
            wait_for(list(self._pending))
        if self._is_ours:
            self._is_ours = False
            self._ray.shutdown()

    def _forget(self, future: Future[Any]) -> None:
        reference = self._pending.pop(future)
        if future.cancelled():
            self._ray.cancel(reference, force=True)  # otherwise it ends after the C function that it is in


class _Limits(NamedTuple):
    """What a call may use."""

    threads: int
    timeout: float | None


def _call(limits: _Limits, function: Callable[..., Any], arguments: Any, named: Any) -> tuple[bool, Any]:
    """Call a function in a task; an exception is returned, since Ray would put its traceback into the message."""
    parallel.set_threads(limits.threads)  # the tasks of a node share its cores
    if limits.timeout is not None:
        # The process ends itself, also if it hangs outside of Python, since the driver does not know when it began.
        faulthandler.dump_traceback_later(limits.timeout, exit=True)
    try:
        return True, function(*arguments, **named)
    except Exception as error:
        return False, sendable_error(error)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _settle(future: Future[Any], done: Future[Any], limits: _Limits) -> None:
    if not future.set_running_or_notify_cancel():
        return
    error = done.exception()
    if error is not None:
        limit = "" if limits.timeout is None else f", or took more than {limits.timeout:g} s (timeout)"
        future.set_exception(TaskLost(f"its process on the cluster was lost{limit}: {describe_loss(error)}"))
        return
    succeeded, result = done.result()
    if succeeded:
        future.set_result(result)
    else:
        future.set_exception(result)
