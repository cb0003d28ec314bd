"""What another caption under a picture would do to a query: influence of a replacement.

With caption y' in place of y, pair n gives the objective R'_n instead of R_n; what the rest of the batch loses to each
other stays. So, with w = (1/n) H⁻¹∇L_q, the query loss changes by

    effect(n, y') = ⟨w, ∇R_n⟩ − ⟨w, ∇R'_n⟩ = ⟨w, ∇L(B)⟩ − ⟨w, ∇L(B')⟩          both roles, nats

the influence of the pair less that of the pair that would stand there. < 0: the replacement lowers the query loss.
Only row n of the logits differs between B and B', so a candidate costs O(batch), and a pair O(batch²) once.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from engine.batches import BatchSegmentation
from engine.contrastive import ContrastiveLoss
from engine.directional import FeatureMap, Features, logit_tangents, logits_of


def replacement_effects(
    feature_map: FeatureMap,
    loss: ContrastiveLoss,
    segmentation: BatchSegmentation,
    direction: Tensor,
    pairs: Tensor,
    text: Tensor,
    moved_text: Tensor,
    candidates: Tensor,
) -> Tensor:
    """Predicted change of the query loss for each pair and each other caption.

    Args:
        feature_map: features of the training pairs.
        loss: the training loss.
        segmentation: the batches that pairs stand in.
        direction: w, `[1, parameters]`.
        pairs: positions of the pairs asked about, `[asked]`.
        text: unit features of captions, `[captions, embed_dim]`.
        moved_text: their derivatives along w, `[captions, embed_dim]`.
        candidates: captions to put under each pair, rows of `text`, `[asked, candidates]`.

    Returns:
        `[asked, candidates]`, nats, < 0 where the replacement lowers the loss; NaN for pairs in no batch.
    """
    found = text.new_full(candidates.shape, float("nan"))
    asked = {pair: row for row, pair in enumerate(pairs.tolist())}
    for batch in segmentation.batches:
        members = [(place, pair) for place, pair in enumerate(batch.tolist()) if pair in asked]
        if not members:
            continue
        rows = torch.as_tensor(batch, device=direction.device)
        features, tangents = feature_map.features(rows, rows), feature_map.tangents(rows, rows, direction)
        logits, moved = logits_of(features), logit_tangents(features, tangents)[0]
        for place, pair in members:
            chosen = candidates[asked[pair]]
            others = replace(features, text=text[chosen])
            others_moved = replace(tangents, text=moved_text[chosen][None])
            found[asked[pair]] = _effects(loss, logits, moved, place, others, others_moved)
    return found


def _effects(
    loss: ContrastiveLoss, logits: Tensor, moved: Tensor, place: int, others: Features, others_moved: Features
) -> Tensor:
    """Effects of the other texts in row `place`, `[other texts]`."""
    rows = torch.cat([logits[place][None], logits_of(others)])
    rows_moved = torch.cat([moved[place][None], logit_tangents(others, others_moved)[0]])
    derivatives = loss.row_derivatives(logits, moved, place, rows, rows_moved)
    return derivatives[0] - derivatives[1:]
