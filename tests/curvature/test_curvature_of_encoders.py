"""Curvatures through full encoders: an adapter on a tiny CLIP, with many tensors and no closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tiny_models
import torch

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES
from engine.curvature import GaussNewton, Hessian, inverse_curvature, mean_diagonal
from engine.curvature.datainf import DataInf
from engine.curvature.ekfac import ekfac_inverse
from engine.directional import EncoderFeatureMap
from engine.objective import summed_loss
from engine.sources.encoders import load_encoder_source

SEGMENTATION = BatchSegmentation((np.array([0, 3, 4, 7]), np.array([1, 2, 5, 6])), 8)
LOSS = LOSSES["clip"]


def config(**options: object) -> RunConfig:
    return RunConfig(
        **{"pairs": "", "model": "", "tier": "lora", "adapter": "", "dtype": "float64", "chunk_size": 3, **options}
    )


@pytest.fixture(scope="module")
def feature_map(tmp_path_factory: pytest.TempPathFactory) -> EncoderFeatureMap:
    folder = tmp_path_factory.mktemp("encoders")
    model = f"hf:{tiny_models.hf_clip(folder / 'model')}"
    adapter = tiny_models.trained_adapter(folder / "adapter", model, "hf")
    table = tiny_models.picture_table(folder / "data", 8)
    pairs = pd.read_csv(table).assign(images=str(table.parent))
    options = config(model=model, adapter=str(adapter), log_logit_scale=True)
    source = load_encoder_source(options, pairs, ["a thing"], {}, torch.device("cpu"))
    return source.pairs(torch.arange(8))


def directions(feature_map: EncoderFeatureMap, rows: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, feature_map.subset.num_parameters, dtype=torch.float64, generator=generator)


def test_hessian_products_are_differences_of_gradients(feature_map: EncoderFeatureMap) -> None:
    probes, step = directions(feature_map), 1e-5
    found = Hessian(feature_map, LOSS, SEGMENTATION).matvec(probes)
    for row, probe in zip(found, probes, strict=True):
        ahead, behind = (
            summed_loss(feature_map.moved(sign * step * probe), LOSS, SEGMENTATION.batches)[1][0] for sign in (1, -1)
        )
        expected = (ahead - behind) / (2 * step * 8)
        assert (row - expected).norm() < 1e-6 * expected.norm()
    bend = found - GaussNewton(feature_map, LOSS, SEGMENTATION).matvec(probes)
    assert bend.norm() > 0.1 * found.norm(), "Gauss–Newton alone would pass"


def test_datainf_is_the_same_both_ways(feature_map: EncoderFeatureMap) -> None:
    sides = directions(feature_map)
    inverse = inverse_curvature(config(curvature="datainf"), feature_map, SEGMENTATION, sides[0])
    assert isinstance(inverse, DataInf)
    assert len(inverse.dampings) > 10
    ways = [
        DataInf(feature_map, LOSS, SEGMENTATION, inverse.dampings, inverse.damping, inverse.squared_norms, by_blocks)
        for by_blocks in (False, True)
    ]
    pairwise, by_blocks = (way.solve(sides).values for way in ways)
    torch.testing.assert_close(by_blocks, pairwise, rtol=1e-8, atol=1e-8 * float(pairwise.abs().max()))
    assert torch.nn.functional.cosine_similarity(pairwise, sides).max() < 0.99


def test_ekfac_factors_every_matrix_and_has_the_trace_of_gauss_newton(feature_map: EncoderFeatureMap) -> None:
    sides = directions(feature_map)
    options = config(curvature="ekfac", relative_damping=1.0)
    inverse = ekfac_inverse(options, feature_map, SEGMENTATION, sides[0], num_draws=50)
    matrices = [name for name, shape in feature_map.subset.shapes.items() if len(shape) == 2]
    assert len(matrices) > 10
    assert all(inverse.bases[name].rows is not None and inverse.bases[name].columns is not None for name in matrices)
    mean = mean_diagonal(GaussNewton(feature_map, LOSS, SEGMENTATION), sides[0], num_probes=50)
    assert inverse.damping == pytest.approx(mean, rel=0.3)  # two estimates, each good to about 15 %
    assert torch.nn.functional.cosine_similarity(inverse.solve(sides).values, sides).max() < 0.99
