"""Time per pair is measured at growing pairs, batches and queries."""

from pathlib import Path

import pytest
import tiny_models
import torch

from engine.benchmark.growth import measure_growth
from engine.config import RunConfig


def test_one_thing_grows_at_a_time(tmp_path: Path) -> None:
    config = RunConfig("noise", str(tiny_models.open_clip_model(tmp_path)), batch_size=2, chunk_size=8)
    found = measure_growth(config, 8, ("heads",), torch.device("cpu"), lambda line: None)
    sizes = {one.grows: [] for one in found}
    for one in found:
        sizes[one.grows].append((one.num_pairs, one.batch_size, one.num_queries))
    assert sizes == {
        "pairs": [(8, 2, 1), (16, 2, 1), (32, 2, 1)],
        "batch": [(32, 2, 1), (32, 4, 1), (32, 8, 1)],
        "queries": [(8, 2, 1), (8, 2, 2), (8, 2, 4)],
    }
    assert [one.ratio for one in found if one == next(o for o in found if o.grows == one.grows)] == [1.0] * 3
    assert all(one.ratio == pytest.approx(one.microseconds / found[3 * (n // 3)].microseconds)
               for n, one in enumerate(found))  # fmt: skip
