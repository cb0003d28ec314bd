"""Where a run computes its passes: what `--executor` names. No torch and no Ray until they are needed."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.config import RunConfig
    from engine.executors import Executor


@contextlib.contextmanager
def executor_of(config: RunConfig) -> Iterator[Executor | None]:
    """The processes that `--executor` names, until the block ends; None for this one. The first pass joins a cluster.

    Raises:
        ConfigError: if Ray is asked for and not installed.
    """
    kind, _, address = config.executor.partition(":")
    if kind == "local":
        yield None
        return
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            "the package ray for --executor ray",
            "a Python without it",
            "Install it with pip install 'ecif-dashboard[ray]'.",
        )
    from engine.executors.connection import before_ray

    before_ray(address or None)
    from engine.executors.ray_cluster import RayExecutor

    executor = RayExecutor(address or None, config.workers, config.device)
    try:
        yield executor
    finally:
        executor.close()
