"""A Ray cluster of two nodes for tests, in a network namespace of its own, since Ray listens on all interfaces."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys

from tests.support.paths import ROOT

_MEMORY = 100_000_000  # bytes of a node's object store


def missing():
    """Return why tests of a cluster cannot run here; empty if they can."""
    if importlib.util.find_spec("ray") is None:
        return "Ray is not installed"
    if not shutil.which("unshare") or not shutil.which("ip"):
        return "unshare or ip is missing"
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode:
        return "network namespaces are not allowed"
    return ""


def is_inside():
    """Whether this process is in a namespace that `run_in_namespace` has made."""
    return "BATCHNEAT_NAMESPACE" in os.environ


def run_in_namespace(module, *arguments, timeout=240):
    """Run a module in a process whose network is the loopback only; all that it starts ends with it.

    Returns:
        The completed process, with its output as text.
    """
    # As process 1 of a namespace of processes, the shell takes all others along when it ends. In /tmp/ray, Ray notes
    # the address of the cluster that started last.
    mounts = "mount -t proc proc /proc && mkdir -p /tmp/ray && mount -t tmpfs tmpfs /tmp/ray"
    line = f'ip link set lo up && {mounts} && "$0" -m "$@"'
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",  # 15 otherwise, with which workers starve beside other tests
        "BATCHNEAT_NAMESPACE": "1",
    }
    return subprocess.run(
        ["unshare", "-rnpmf", "--kill-child", "sh", "-c", line, sys.executable, module, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def add_node(cluster, num_cpus=1, memory=_MEMORY):
    """Add a node to a cluster, and return it."""
    return cluster.add_node(num_cpus=num_cpus, object_store_memory=memory)


@contextlib.contextmanager
def two_nodes(num_cpus=1, memory=_MEMORY):
    """Start a cluster of two nodes with this many cores and bytes each; call this only within `run_in_namespace`.

    Yields:
        The cluster, and its second node.
    """
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": num_cpus, "object_store_memory": memory, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    node = add_node(cluster, num_cpus, memory)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        yield cluster, node
    finally:
        ray.shutdown()
        cluster.shutdown()
