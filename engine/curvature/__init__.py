"""Curvature of the training objective and its inverse: one operator interface, one registry.

`inverse_curvature` gives what the scores need of a curvature: `solve(gradients)`. A new curvature is one file with one
builder, and one line in `BUILDERS`.
"""

from __future__ import annotations

from torch import Tensor

from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.curvature.datainf import DataInf, datainf_inverse
from engine.curvature.ekfac import Ekfac, ekfac_inverse
from engine.curvature.gauss_newton import GaussNewton, gauss_newton_inverse
from engine.curvature.hessian import Hessian, hessian_inverse
from engine.curvature.inverse import (
    DEFAULT_TOLERANCE,
    Builder,
    IdentityCurvature,
    InverseCurvature,
    IterativeInverse,
    identity_inverse,
)
from engine.curvature.kept import KeptInverse, gauss_newton_of
from engine.curvature.operator import LinearOperator, mean_diagonal
from engine.curvature.solve import Solution, SolveStatus, conjugate_gradients
from engine.curvature.subsample import curvature_segmentation, subsampled
from engine.directional import FeatureMap

__all__ = [
    "BUILDERS",
    "inverse_curvature",
    "curvature_segmentation",
    "subsampled",
    "InverseCurvature",
    "IterativeInverse",
    "IdentityCurvature",
    "KeptInverse",
    "gauss_newton_of",
    "LinearOperator",
    "GaussNewton",
    "Hessian",
    "DataInf",
    "Ekfac",
    "mean_diagonal",
    "DEFAULT_TOLERANCE",
    "Solution",
    "SolveStatus",
    "conjugate_gradients",
]

BUILDERS: dict[str, Builder] = {
    "gauss-newton": gauss_newton_inverse,
    "hessian": hessian_inverse,
    "datainf": datainf_inverse,
    "ekfac": ekfac_inverse,
    "identity": identity_inverse,
}
"""the curvatures of `engine.config.CURVATURES` by name"""


def inverse_curvature(
    config: RunConfig, feature_map: FeatureMap, segmentation: BatchSegmentation, like: Tensor
) -> InverseCurvature:
    """The inverse curvature that `config` asks for.

    Args:
        config: curvature, the pairs it is built on, damping, tolerance.
        feature_map: features of the training pairs.
        segmentation: batches of the training objective; `curvature_segmentation` says which of them are used.
        like: a tensor `[parameters]` with the dtype and device of directions.

    Raises:
        SolveError: if a closed form has no gradient to be built on, or meets one that is not finite.
    """
    return BUILDERS[config.curvature](config, feature_map, curvature_segmentation(config, segmentation), like)
