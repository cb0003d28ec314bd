"""What a cluster is asked for, and what is said where there is none."""

from __future__ import annotations

import dataclasses
import importlib.util
import socket
from pathlib import Path

import pytest
from small_data import small_config

from engine.config import RunConfig
from engine.errors import ClusterError, ConfigError
from engine.executors.connection import Share, connected, shared
from engine.executors.subjects import run_seen_here
from engine.placement import executor_of

BIG, SMALL = {"CPU": 64.0, "GPU": 8.0}, {"CPU": 4.0}


@pytest.mark.parametrize(
    ("nodes", "num_workers", "device", "expected"),
    [
        ([BIG, BIG], None, "auto", Share(16, 8, 1)),
        ([BIG, BIG], 4, "cuda", Share(4, 32, 1)),
        ([BIG, SMALL], None, "cpu", Share(2, 4, 0)),
        ([SMALL, SMALL], 3, "auto", Share(3, 2, 0)),
        ([SMALL], 9, "auto", Share(9, 1, 0)),
    ],
)
def test_machines_are_divided_among_workers(nodes, num_workers, device, expected: Share) -> None:
    assert shared(nodes, num_workers, device) == expected


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_the_cluster_lacks_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match="--device"):
        shared([SMALL], 2, device)


@pytest.mark.parametrize("options", [{"executor": "spark"}, {"executor": "ray:"}, {"executor": "ray://h:1"},
                                     {"workers": 2}, {"executor": "ray", "workers": 0}])  # fmt: skip
def test_options_that_mean_nothing_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        RunConfig(pairs="p", model="m", **options)


def test_where_a_run_is_computed_changes_neither_its_folder_nor_its_replay() -> None:
    here = RunConfig(pairs="p", model="m")
    there = dataclasses.replace(here, executor="ray:10.0.0.1:6379", workers=4)
    assert here.digest() == there.digest() and RunConfig.from_json(there.to_json()) == there


def test_without_ray_a_run_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install"), executor_of(small_config(tmp_path, executor="ray")):
        pass


def test_an_address_where_nobody_listens_is_said_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ClusterError, match="Check the address"):
            connected(f"127.0.0.1:{unused.getsockname()[1]}", None, "cpu")


def test_a_run_folder_that_a_node_does_not_see_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="shared storage"):
        run_seen_here(tmp_path / "elsewhere")
