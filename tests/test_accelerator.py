"""The same scores on an NVIDIA GPU as on the CPU, in float32 and with towers in half precision."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_data import model, small_table

from engine.config import RunConfig
from engine.models import load_model
from engine.models.lora import new_adapter
from engine.pipeline import run

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU on this machine")
TIERS = ("heads", "lora")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """Sixty pairs of the sample over an adapter of its model."""
    folder = tmp_path_factory.mktemp("accelerator")
    pairs = small_table(folder, train=40, validation=12, test=8)
    adapter = new_adapter(load_model(model(), torch.device("cpu"), torch.float32).module, 4, 8.0, ("q_proj", "fc1"), 0)
    generator = torch.Generator().manual_seed(0)
    moved = {n: part + 0.02 * torch.randn(part.shape, generator=generator) for n, part in adapter.tensors.items()}
    adapter.with_tensors(moved).save(folder / "adapter")
    return RunConfig(
        str(pairs), model(), adapter=str(folder / "adapter"), batch_size=20, segmentations=1, sketches=2, device="cpu",
        curvature="ekfac", damping=0.3, trace_queries=0, out=str(folder / "runs"),
    )  # fmt: skip


def scores(config: RunConfig, **options: object) -> pd.DataFrame:
    return run(dataclasses.replace(config, **options)).table("scores").set_index("pair_id")


def spearman(first: pd.Series, second: pd.Series) -> float:
    return float(np.corrcoef(first.rank(), second[first.index].rank())[0, 1])


@needs_gpu
@pytest.mark.parametrize("tier", TIERS)
def test_a_gpu_gives_the_scores_of_the_cpu(config: RunConfig, tier: str, tmp_path: Path) -> None:
    expected = scores(config, tier=tier, dtype="float64")
    found = scores(config, tier=tier, dtype="float64", device="cuda", out=str(tmp_path))
    for column in ("influence_positive", "influence_negative", "relative_influence"):
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-6, atol=1e-10)


@needs_gpu
@pytest.mark.parametrize("tier", TIERS)
def test_towers_in_bfloat16_rank_pairs_as_float32_does_on_a_gpu(config: RunConfig, tier: str, tmp_path: Path) -> None:
    expected = scores(config, tier=tier, device="cuda", out=str(tmp_path))
    found = scores(config, tier=tier, device="cuda", dtype="bfloat16", out=str(tmp_path))
    assert spearman(expected["influence"], found["influence"]) > 0.99


@pytest.mark.parametrize("tier", TIERS)
def test_towers_in_bfloat16_rank_pairs_as_float32_does(config: RunConfig, tier: str) -> None:
    expected, found = (scores(config, tier=tier, dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert spearman(expected["influence"], found["influence"]) > 0.98
    assert (expected["influence"] - found["influence"]).abs().max() > 0
