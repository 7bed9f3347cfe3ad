"""An executor whose calls are tasks of a Ray cluster, for work whose unit is a whole run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from evaluators.distributed.ray_backend import connect, describe_loss
from neat.kernels import parallel
from neat.processes.worker_processes import RETRIES, sendable_error


class RayExecutor(Executor):
    """Calls functions on a Ray cluster, such as the runs of a `neat.Study`: `study.run(folder, executor=…)`.

    Args:
        cluster: "local", "auto" or an address, as for `evaluators.Distributed`.
        retries: How often a call is repeated if its process or its node dies. A call that raises is not repeated.
        num_cpus: CPU cores of a call; also its threads for networks.

    Raises:
        ImportError: Ray is not installed.
        ValueError: There is no such cluster.
    """

    def __init__(self, cluster: str = "local", retries: int = RETRIES, num_cpus: float = 1) -> None:
        self._ray, self._is_ours = connect(cluster)
        self._threads = max(1, int(num_cpus))
        self._call = self._ray.remote(_call).options(num_cpus=num_cpus, max_retries=retries)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Return the future of a call of a function on the cluster."""
        future: Future[Any] = Future()
        reference = self._call.remote(self._threads, function, arguments, named)
        reference.future().add_done_callback(lambda done: _settle(future, done))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End a cluster that this executor has started."""
        if self._is_ours:
            self._ray.shutdown()


def _call(threads: int, function: Callable[..., Any], arguments: Any, named: Any) -> tuple[bool, Any]:
    """Call a function in a task; an exception is returned, since Ray would put its traceback into the message."""
    parallel.set_threads(threads)  # the tasks of a node share its cores
    try:
        return True, function(*arguments, **named)
    except Exception as error:
        return False, sendable_error(error)


def _settle(future: Future[Any], done: Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    error = done.exception()
    if error is not None:
        future.set_exception(RuntimeError(f"cluster: a call was lost: {describe_loss(error)}"))
        return
    succeeded, result = done.result()
    if succeeded:
        future.set_result(result)
    else:
        future.set_exception(result)
