"""Passes in one process: fixed groups, a fixed order, one part at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.executors import LocalPasses
from engine.executors.interface import MOST_GROUPS, groups_of, on_device
from engine.influence.scores import BatchScores
from executors.works import Weighed

WORK = Weighed(torch.ones(50, dtype=torch.float64))


@pytest.mark.parametrize("num_parts", [0, 1, MOST_GROUPS, MOST_GROUPS + 1, 1000])
def test_groups_hold_every_part_once_in_order(num_parts: int) -> None:
    groups = groups_of(range(num_parts))
    assert [part for group in groups for part in group] == list(range(num_parts))
    assert len(groups) <= MOST_GROUPS and (num_parts == 0) == (groups == [])


def test_a_sum_is_that_of_its_groups_in_their_order(tmp_path: Path) -> None:
    found = LocalPasses(tmp_path).summed(WORK, range(200))
    plain = [sum((WORK(tmp_path, part)[row] for part in range(200)), torch.zeros(1)) for row in (0, 1)]
    for one, other in zip(found, plain, strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.equal(found[0], plain[0]), "the order would not matter"
    assert LocalPasses(tmp_path).summed(WORK, []) == ()


def test_a_map_is_computed_as_it_is_asked_for() -> None:
    asked: list[int] = []
    found = LocalPasses("subject").mapped(lambda subject, part: asked.append(part) or (subject, part), [3, 1, 2])
    assert next(found) == ("subject", 3) and asked == [3]
    assert list(found) == [("subject", 1), ("subject", 2)]


def test_a_work_goes_to_another_device_with_its_tensors() -> None:
    work = BatchScores(None, torch.zeros(2, 3), "exact")
    moved = on_device({"work": [work], "number": 3}, "meta")
    assert moved["work"][0].directions.device.type == "meta" and moved["number"] == 3
    assert work.directions.device.type == "cpu"
