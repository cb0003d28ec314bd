"""The benchmark's baselines are the same mathematics done the direct way, and its table holds what was measured."""

from pathlib import Path

import pytest
import tiny_models
import torch

from engine.benchmark.baselines import datainf_pair_by_pair, gradients_pair_by_pair
from engine.benchmark.measure import run_benchmark
from engine.benchmark.memory import peak_memory
from engine.benchmark.setting import Setting, setting
from engine.config import RunConfig
from engine.contrastive import ClipLoss
from engine.curvature import inverse_curvature
from engine.influence.scores import role_scores

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    model = tiny_models.open_clip_model(tmp_path_factory.mktemp("model"))
    return RunConfig("noise", str(model), batch_size=6, chunk_size=4, dtype="float64", curvature="datainf")


@pytest.fixture(scope="module")
def given(config: RunConfig) -> Setting:
    return setting(config, 12, CPU)


@pytest.mark.parametrize("shared", [False, True])
def test_one_backward_pass_per_pair_gives_the_scores_of_the_directional_pass(given: Setting, shared: bool) -> None:
    feature_map = given.feature_map("lora")
    batch = torch.as_tensor(given.segmentation.batches[1])
    gradients = gradients_pair_by_pair(feature_map.towers, batch, 3, shared)
    direction = torch.randn(1, gradients.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores = role_scores(feature_map, ClipLoss(), given.segmentation, direction).both
    torch.testing.assert_close(direction @ gradients.T, scores[:, batch[:3]])
    assert scores.abs().max() > 1e-3


def test_datainf_from_one_gradient_per_pair_is_the_engines_datainf(config: RunConfig) -> None:
    one_batch = setting(RunConfig(**{**vars(config), "batch_size": 12}), 12, CPU)
    heads = one_batch.heads_map()
    query = torch.randn(1, heads.subset.num_parameters, generator=torch.Generator().manual_seed(0)).double()
    ours = inverse_curvature(one_batch.config, heads, one_batch.segmentation, query[0]).solve(query).values
    direct = datainf_pair_by_pair(heads, torch.arange(12), query)
    torch.testing.assert_close(ours, direct, rtol=1e-6, atol=1e-9)
    assert (ours / query).std() > 1e-3


def test_every_pass_is_timed_beside_the_plain_one(given: Setting) -> None:
    lines: list[str] = []
    found = run_benchmark(given, ("lora", "all"), 2, lines.append)
    assert found.plain_seconds > 0
    assert {row.tier for row in found.rows} == {"lora", "all", "heads"}
    for row in found.rows:
        assert row.ratio == pytest.approx(row.seconds / found.plain_seconds)
    assert len(lines) > 5


def test_the_peak_memory_of_a_process_of_its_own_is_known(config: RunConfig, tmp_path: Path) -> None:
    assert peak_memory(config, 12, CPU) > 2**20
