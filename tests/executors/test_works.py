"""Every work of the passes does the same after a journey to another process."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from oracles import problem

from engine.contrastive import LOSSES
from engine.curvature import datainf, ekfac, gauss_newton, hessian
from engine.executors.interface import on_device
from engine.influence.scores import BatchScores
from engine.influence.tangents import ShardTangents
from engine.objective import LossAlone, LossAndGradient

ONE = problem(log_logit_scale=True)
LOSS, BATCH = LOSSES["clip"], ONE.segmentation.batches[0]
DIRECTIONS = torch.randn(2, len(ONE.theta), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
SHAPES = ONE.feature_map.subset.shapes
BASES = {name: ekfac.Eigenbasis(ekfac._matrix_shape(shape), None, None) for name, shape in SHAPES.items()}
NORMS = torch.ones(len(BATCH), len(SHAPES), dtype=torch.float64)
WORKS: dict[str, tuple[Any, Any]] = {
    "loss": (LossAlone(LOSS), BATCH),
    "gradient": (LossAndGradient(LOSS), BATCH),
    "Gauss-Newton": (gauss_newton.BatchProduct(LOSS, DIRECTIONS), BATCH),
    "draws": (gauss_newton.BatchDraw(LOSS, 3), (5, BATCH)),
    "Hessian": (hessian.BatchProduct(LOSS, DIRECTIONS), BATCH),
    "norms": (datainf.BatchNorms(LOSS), BATCH),
    "DataInf": (datainf.BatchShares(LOSS, NORMS[0], DIRECTIONS, None), (BATCH, NORMS)),
    "moments": (ekfac.BatchMoments(LOSS, 3, (("text_head", 0), ("image_head", 1))), (5, BATCH)),
    "squares": (ekfac.BatchSquares(LOSS, 3, BASES), (5, BATCH)),
    "scores": (BatchScores(LOSS, DIRECTIONS, "exact"), [BATCH]),
    "tangents": (ShardTangents(DIRECTIONS), np.arange(4)),
}


def journey(value: Any) -> Any:
    """To another process and to its device."""
    return on_device(pickle.loads(pickle.dumps(on_device(value, "cpu"))), "cpu")  # noqa: S301


def tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    inner = value if isinstance(value, tuple | list) else vars(value).values()
    return [one for part in inner for one in tensors(part)]


@pytest.mark.parametrize("name", WORKS)
def test_a_work_does_the_same_after_a_journey(name: str) -> None:
    work, part = WORKS[name]
    here = work(ONE.feature_map, part)
    there = journey(journey(work)(ONE.feature_map, journey(part)))
    assert len(tensors(here)) == len(tensors(there)) > 0
    assert max(one.abs().max() for one in tensors(here)) > 0
    for one, other in zip(tensors(here), tensors(there), strict=True):
        assert torch.equal(one, other)
