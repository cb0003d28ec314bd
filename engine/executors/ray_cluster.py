"""Passes on a Ray cluster: one actor per GPU or machine, parts handed to whoever is idle, lost ones replaced.

Back-pressure: a part is handed out only while it is less than a few parts ahead of the one that is waited for, so what
waits in memory does not grow with the pass. A worker that is lost with its machine is replaced, and its part repeated;
an error of the work itself is raised as it is, and never tried again.
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
import torch
from ray.actor import ActorHandle
from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, RayError, RayTaskError
from torch import Tensor

from engine.errors import ClusterError
from engine.executors.connection import Share, connected
from engine.executors.interface import Subject, Work, added, groups_of, on_device
from engine.executors.worker import GroupSum, Worker

MOST_REPEATS = 3
"""how often a part goes to another worker after its own was lost; how many workers in a row may fail to start"""
PATIENCE_SECONDS = 300
"""how long no worker at all may be there"""
PARTS_AHEAD = 4
"""results per worker that may wait for one before them"""
LOST = (RayActorError, NodeDiedError, ObjectLostError, OutOfMemoryError)


@dataclass(frozen=True)
class RayPasses:
    """Passes over one subject that every worker opens for itself."""

    executor: RayExecutor
    subject: Subject
    device: torch.device
    """where results go in this process"""

    def summed(self, work: Work, parts: Sequence[Any]) -> tuple[Tensor, ...]:
        """Σ over the parts, in the same groups and the same order as in one process."""
        return added(self.mapped(GroupSum(work), groups_of(parts)))

    def mapped(self, work: Work, parts: Sequence[Any]) -> Iterator[Any]:
        """What `work` gives for every part, in order of the parts.

        Raises:
            ClusterError: if a part lost its worker again and again, or no worker comes.
        """
        for found in self.executor.results(self.subject, work, parts):
            yield on_device(found, self.device)


class RayExecutor:
    """Workers on a Ray cluster. The first pass connects and starts them.

    Args:
        address: HOST:PORT of a cluster's head node; None starts a cluster on this machine alone, which ends with it.
        num_workers: how many; None takes one per GPU, or one per machine where no GPU is used.
        device: `--device`.
    """

    def __init__(self, address: str | None, num_workers: int | None, device: str) -> None:
        self._address, self._num_workers, self._device = address, num_workers, device
        self._share: Share | None = None
        self._idle: list[ActorHandle] = []
        self._coming: dict[Any, ActorHandle] = {}
        """calls after which a worker is idle: starts, and parts that nobody awaits any more"""
        self._failed_starts = 0

    def passes(self, subject: Subject, device: torch.device) -> RayPasses:
        """Passes over a subject; results come to `device`."""
        return RayPasses(self, subject, device)

    def results(self, subject: Subject, work: Work, parts: Sequence[Any]) -> Iterator[Any]:
        """What `work` gives for every part, in order; on the CPU.

        Raises:
            ClusterError: if a part lost its worker again and again, or no worker comes.
        """
        if self._share is None:
            self._share = connected(self._address, self._num_workers, self._device)
        pass_id, reference = uuid.uuid4().hex, ray.put(on_device(work, "cpu"))
        waiting, repeats, done = deque(range(len(parts))), Counter(), {}
        running: dict[Any, tuple[ActorHandle, int]] = {}
        try:
            for number in range(len(parts)):
                while number not in done:
                    self._start_workers(len(running))
                    limit = number + PARTS_AHEAD * self._share.num_workers
                    while self._idle and waiting and waiting[0] < limit:
                        worker, part = self._idle.pop(), waiting.popleft()
                        call = worker.do.remote(subject, pass_id, [reference], on_device(parts[part], "cpu"))
                        running[call] = worker, part
                    for call in self._next_calls(running):
                        worker, part = running.pop(call)
                        try:
                            done[part] = ray.get(call)
                        except LOST as error:
                            _check_repeats(repeats, part, error)
                            waiting.appendleft(part)
                            continue
                        except RayError as error:
                            self._idle.append(worker)
                            raise _of_the_work(error) from error
                        self._idle.append(worker)
                yield done.pop(number)
        finally:
            self._coming |= {call: worker for call, (worker, _) in running.items()}  # after an error

    def close(self) -> None:
        """End the workers, and the cluster if it is this machine's own."""
        if self._share is not None:
            ray.shutdown()
            self._share, self._idle, self._coming = None, [], {}

    def _start_workers(self, num_running: int) -> None:
        share = self._share
        for _ in range(share.num_workers - len(self._idle) - len(self._coming) - num_running):
            actor = ray.remote(num_cpus=share.num_cpus, num_gpus=share.num_gpus, max_restarts=0)(Worker)
            worker = actor.remote(share.num_cpus)
            self._coming[worker.ready.remote()] = worker

    def _next_calls(self, running: dict[Any, Any]) -> list[Any]:
        """Wait for anything to end; workers that have started become idle, ended calls are returned."""
        calls = [*running, *self._coming]
        ended, _ = ray.wait(calls, num_returns=1, timeout=PATIENCE_SECONDS)
        if not ended and not running:
            raise ClusterError(
                "a worker on the Ray cluster",
                f"none within {PATIENCE_SECONDS} seconds",
                "See `ray status`: others may hold the GPUs or cores. The same command goes on where this one stopped.",
            )
        for call in [one for one in ended if one in self._coming]:
            worker = self._coming.pop(call)
            try:
                ray.get(call)
            except RayTaskError:
                self._idle.append(worker)  # an error in a part that nobody awaits
            except LOST as error:
                self._failed_starts += 1
                if self._failed_starts > MOST_REPEATS:
                    raise _unlike(error) from error
            else:
                self._failed_starts = 0
                self._idle.append(worker)
        return [one for one in ended if one in running]


def _of_the_work(error: RayError) -> BaseException:
    """What the work itself raised; a sentence where a worker did not understand what it was sent."""
    if isinstance(error, RayTaskError):
        return error.cause or error
    return _unlike(error)


def _unlike(error: Exception) -> ClusterError:
    """Of a process that cannot read what this one sends: the first line that says why is the last of Ray's."""
    words = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return ClusterError(
        "workers of the Ray cluster that start and understand what they are sent",
        f"'{words[-1]}'",
        "Install the same version of this package on every node.",
    )


def _check_repeats(repeats: Counter, part: int, error: Exception) -> None:
    repeats[part] += 1
    if repeats[part] > MOST_REPEATS:
        raise ClusterError(
            "workers that live long enough for their part",
            f"the same part lost its worker {repeats[part]} times ({error})",
            "Often memory: choose a smaller --chunk-size, or fewer --workers. The same command goes on.",
        ) from error
