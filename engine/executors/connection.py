"""Joining a Ray cluster, or starting one on this machine alone, and what each worker gets of it.

A cluster of our own listens on this machine only, with a token that nobody else knows; nothing is reported anywhere.
Whoever can talk to a Ray cluster can run code on it: README.md beside this file.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass

from engine.errors import ClusterError, ConfigError

REACHED_WITHIN_SECONDS = 10
OBJECT_STORE_BYTES = 2**30
"""shared memory of a cluster of our own, taken only as far as it is used; what is more goes to disk"""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
LOOPBACK_ONLY = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""switched off, Ray binds to the loopback address, on Linux as well; a node address of 127.0.0.1 it replaces"""


@dataclass(frozen=True)
class Share:
    """How a cluster is divided among workers."""

    num_workers: int
    num_cpus: int
    """per worker"""
    num_gpus: int
    """per worker"""


def before_ray(address: str | None) -> None:
    """Settings that Ray reads when it is imported: call this before, with the address of `connected`."""
    os.environ.update(QUIET)
    if address is None:
        os.environ |= {LOOPBACK_ONLY: "0", "RAY_AUTH_MODE": "token"}
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def connected(address: str | None, num_workers: int | None, device: str) -> Share:
    """Connect this process to a cluster and divide it.

    Args:
        address: HOST:PORT of the head node; None starts a cluster on this machine.
        num_workers: how many; None takes one per GPU, or one per machine where no GPU is used.
        device: `--device`.

    Raises:
        ConfigError: if the address is none, or the cluster lacks the device.
        ClusterError: if the cluster cannot be reached.
    """
    if address is not None:
        _check_reached(address)
    import ray

    own = {} if address else {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    if address is None and num_workers:
        own["num_cpus"] = max(num_workers, os.cpu_count() or 1)
    try:
        ray.init(address or "local", log_to_driver=False, configure_logging=False, **own)
    except (RuntimeError, OSError, ValueError) as error:  # of Ray: ConnectionError, versions that differ, tokens
        raise ClusterError(
            f"a Ray cluster {f'at {address}' if address else 'on this machine'}",
            f"'{error}'",
            "Check that Ray and Python have the same version everywhere, and that the cluster is running.",
        ) from error
    return shared([node["Resources"] for node in ray.nodes() if node["Alive"]], num_workers, device)


def shared(nodes: list[dict[str, float]], num_workers: int | None, device: str) -> Share:
    """Divide machines with these resources (`CPU`, `GPU`) among workers.

    Raises:
        ConfigError: if `device` asks for GPUs that no machine has.
    """
    num_gpus = int(sum(node.get("GPU", 0) for node in nodes))
    if device == "cuda" and not num_gpus:
        raise ConfigError("a Ray cluster with GPUs for --device cuda", "none", "Use --device auto or cpu.")
    if device == "mps":
        raise ConfigError("--device auto, cuda or cpu with --executor ray", "mps", "Choose another --device.")
    on_gpus = bool(num_gpus) and device != "cpu"
    workers = num_workers or (num_gpus if on_gpus else len(nodes))
    cores = min(int(node.get("CPU", 1)) for node in nodes if not on_gpus or node.get("GPU", 0))
    return Share(workers, max(1, cores // -(-workers // len(nodes))), int(on_gpus))


def _check_reached(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise ConfigError(
            "--executor ray:HOST:PORT", f"ray:{address}", "Give what `ray start --head` printed, such as 10.0.0.1:6379."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACHED_WITHIN_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"a Ray cluster at {address}", f"'{error}'", "Check the address and that `ray start --head` runs there."
        ) from error
