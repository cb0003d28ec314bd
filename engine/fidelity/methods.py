"""The predictions that are judged: every curvature × role × negative term, and the refined what-ifs.

Linear predictions are ∇L_q·Δθ = ⟨w, ∇R_D⟩ with w = (1/n) H⁻¹∇L_q: one solve and one directional pass serve all groups.
Refined ones build the edited parameters of each group and measure the model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.curvature import inverse_curvature
from engine.directional import logit_tangents, logits_of
from engine.fidelity.setting import Setting
from engine.influence.leave_out import leave_out
from engine.influence.retrain import refine
from engine.influence.scores import role_scores
from engine.predictions import validation_gradient

STEP_TOLERANCE = 1e-3
"""of the solve of one Gauss–Newton step: the step itself is off by more"""
ROLES = ("positive", "negative", "both")


@dataclass(frozen=True)
class Linear:
    """Predicted change of the validation loss by one curvature, role and term."""

    curvature: str
    role: str
    term: str
    """group (exact group term), single (sum of exact single terms) or first-order; equal for the positive role"""
    predicted: np.ndarray
    """`[groups]`, nats per pair"""
    seconds: float
    """gradient, solve and directional pass; the same whatever the number of groups"""
    status: str
    """how the solve ended"""
    residual: float
    iterations: int


def linear_predictions(setting: Setting, curvature: str) -> Iterator[Linear]:
    """All linear predictions of one curvature, for every group."""
    study, damping = setting.fitted, setting.options.damping
    started = time.monotonic()
    config = replace(study.config, curvature=curvature, damping=damping, relative_damping=None)
    inverse = inverse_curvature(config, study.train, setting.segmentation, study.like)
    _, gradient = validation_gradient(study)
    solution = inverse.solve(gradient)
    direction = solution.values / setting.segmentation.num_pairs
    groups = [setting.group(number) for number in setting.groups["group"].unique()]
    by_role = {("both", "group"): group_terms(setting, direction, groups)}
    everyone = BatchSegmentation(setting.segmentation.batches, len(study.rows("train")))
    for term, negative_term in (("single", "exact"), ("first-order", "first-order")):
        if term == "first-order" and study.config.loss == "siglip":
            continue
        scores = role_scores(study.train, study.loss, everyone, direction, negative_term)
        for role in ROLES:
            values = getattr(scores, role)[0].cpu().numpy()
            by_role[role, term] = np.array([values[group].sum() for group in groups])
    by_role["negative", "group"] = by_role["both", "group"] - by_role["positive", "single"]
    by_role["positive", "group"] = by_role.pop(("positive", "single"))
    by_role.pop(("positive", "first-order"), None)
    seconds = time.monotonic() - started
    for (role, term), predicted in by_role.items():
        yield Linear(
            curvature,
            role,
            term,
            predicted,
            seconds,
            solution.status.value,
            float(solution.residuals.max()),
            solution.iterations,
        )


def group_terms(setting: Setting, direction: Tensor, groups: list[np.ndarray]) -> np.ndarray:
    """⟨w, ∇[L(B) − L(B∖D)]⟩ summed over batches, `[groups]`, for one direction `[1, parameters]`."""
    study, found = setting.fitted, np.zeros(len(groups))
    for batch in setting.segmentation.batches:
        pairs = torch.as_tensor(batch, device=direction.device)
        features = study.train.features(pairs, pairs)
        logits = logits_of(features)
        moved = logit_tangents(features, study.train.tangents(pairs, pairs, direction))[0]
        whole = (study.loss.logit_gradient(logits) * moved).sum()
        for number, group in enumerate(groups):
            kept = torch.as_tensor(np.flatnonzero(~np.isin(batch, group)), device=direction.device)
            found[number] += float(whole)
            if len(kept):
                rest = logits[kept][:, kept]
                found[number] -= float((study.loss.logit_gradient(rest) * moved[kept][:, kept]).sum())
    return found


def _gauss_newton_step(setting: Setting, group: np.ndarray) -> Tensor:
    study = setting.fitted
    return leave_out(
        study.train.moved,
        study.loss,
        [setting.segmentation],
        group,
        like=study.like,
        damping=setting.options.damping,
        tolerance=STEP_TOLERANCE,
        max_iterations=study.config.cg_iterations,
    ).change


def _warm_iterations(setting: Setting, group: np.ndarray, num_iterations: int) -> Tensor:
    study = setting.fitted
    return refine(
        study.train.moved,
        study.loss,
        [setting.segmentation],
        group,
        like=study.like,
        damping=setting.options.damping,
        num_iterations=num_iterations,
    ).change


REFINED: dict[str, Callable[[Setting, np.ndarray], Tensor]] = {
    "closed form": _gauss_newton_step,
    "5 warm iterations": lambda setting, group: _warm_iterations(setting, group, 5),
    "10 warm iterations": lambda setting, group: _warm_iterations(setting, group, 10),
}
"""name → the edited model's change from θ̂"""
