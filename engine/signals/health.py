"""Health of the embedding space: is it used, do images and captions share it, how far did tuning move it?

    effective rank   exp(−Σ_k p_k log p_k), p = σ / Σσ       σ singular values (RankMe, arXiv 2210.02885)
    modality gap     ‖mean_n v_n − mean_n u_n‖               unit features (Liang et al., arXiv 2203.02053)
    alignment        mean_n ‖u_n − v_n‖²                     (Wang and Isola, arXiv 2005.10242)
    uniformity       log mean_{n≠m} e^{−2‖x_n − x_m‖²}       the same; on at most `MOST_COMPARED` pairs
    angular drift    arccos(f_before · f_after)              of each pair, degrees

None of them says which pair is wrong: they say whether signals that compare features can be believed. Cost
O(pairs · embed_dim² + embed_dim³), in chunks; the singular values come from the embed_dim × embed_dim Gram matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.feature_rows import Rows, chunks_of

ROWS_AT_ONCE = 2**12
MOST_COMPARED = 4096
LOW_RANK_SHARE = 0.25
"""of all dimensions; below it few are used"""
WIDE_GAP = 1.2
"""published CLIP models have about 0.8"""
FAR_ALIGNMENT = 1.7
"""a cosine of .15; published CLIP models have 1.4 to 1.5, a cosine of .25 to .3"""
CROWDED = -1.0


@dataclass(frozen=True)
class Health:
    """Facts about a space of unit features."""

    num_dimensions: int
    """embed_dim"""
    image_rank: float
    """effective rank of the image features, 1 … num_dimensions"""
    text_rank: float
    """effective rank of the text features, 1 … num_dimensions"""
    modality_gap: float
    """distance of the mean image feature from the mean text feature, 0 … 2"""
    alignment: float
    """mean squared distance of image and caption of a pair, 0 … 4"""
    image_uniformity: float
    """−4 if spread evenly over a sphere of many dimensions, 0 if all are the same"""
    text_uniformity: float
    """the same of the text features"""

    @property
    def words(self) -> dict[str, str]:
        """What each fact means, with what is usual."""
        narrow = min(self.image_rank, self.text_rank) < LOW_RANK_SHARE * self.num_dimensions
        apart, unlike = self.modality_gap > WIDE_GAP, self.alignment > FAR_ALIGNMENT
        crowded = max(self.image_uniformity, self.text_uniformity) > CROWDED
        return {
            "effective rank": f"Images use about {self.image_rank:.0f} and captions {self.text_rank:.0f} of "
            f"{self.num_dimensions} dimensions. "
            + ("That is few: different pairs look alike to the model." if narrow else "That is usual."),
            "modality gap": f"Images and captions lie {self.modality_gap:.2f} apart on average; 0 is one common place, "
            "published CLIP models have about 0.8. "
            + ("Compare similarities only with each other." if apart else "That is usual."),
            "alignment": f"Image and caption of a pair are {self.alignment:.2f} apart (squared); strangers are 2, "
            "pairs of published CLIP models about 1.45. "
            + ("Pairs hardly match: the model does not fit these data." if unlike else "That is usual."),
            "uniformity": f"Spread of images {self.image_uniformity:.1f}, of captions {self.text_uniformity:.1f}; "
            "−4 is even, 0 is one point. "
            + ("Features are crowded: neighbours mean little." if crowded else "That is usual."),
        }


def health(image: Rows, text: Rows) -> Health:
    """Facts about the space of these pairs.

    Args:
        image: unit image features, `[pairs, embed_dim]`.
        text: unit text features, `[pairs, embed_dim]`.
    """
    parts = chunks_of(len(image), ROWS_AT_ONCE)
    squared = sum(float((_double(image[part]) - _double(text[part])).square().sum()) for part in parts)
    return Health(
        num_dimensions=image.shape[1],
        image_rank=effective_rank(image),
        text_rank=effective_rank(text),
        modality_gap=float((_mean(image) - _mean(text)).norm()),
        alignment=squared / len(image),
        image_uniformity=uniformity(image),
        text_uniformity=uniformity(text),
    )


def effective_rank(features: Rows) -> float:
    """RankMe: the number of dimensions that the features use, 1 … embed_dim; of `[pairs, embed_dim]`, not centred."""
    gram = torch.zeros(features.shape[1], features.shape[1], dtype=torch.float64)
    for part in chunks_of(len(features), ROWS_AT_ONCE):
        rows = _double(features[part])
        gram += rows.T @ rows
    share = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    share = share / share.sum()
    return float(torch.special.entr(share).sum().exp())


def uniformity(features: Rows) -> float:
    """Logarithm of the mean of e^{−2‖x−y‖²} over different rows of unit features `[pairs, embed_dim]`; NaN for one."""
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))
    some = _double(features[order[:MOST_COMPARED]])
    return float(torch.nn.functional.pdist(some).square().mul(-2).exp().mean().log())


def angular_drift(before: Tensor, after: Tensor) -> Tensor:
    """By how much tuning turned the features of each pair.

    Args:
        before: unit features of the base model, `[pairs, embed_dim]`.
        after: unit features of the tuned model, `[pairs, embed_dim]`.

    Returns:
        Degrees, `[pairs]`, 0 (unmoved) … 180.

    Raises:
        ModelError: if the two have different shapes.
    """
    if before.shape != after.shape:
        raise ModelError(
            f"features of the same pairs in {before.shape[1]} dimensions",
            f"{len(after)} pairs in {after.shape[1]} dimensions, for {len(before)} pairs",
            "Compare a tuned model with the model it was tuned from.",
        )
    # arccos loses half the digits of small angles; the two sides of the rhombus keep them.
    return torch.rad2deg(2 * torch.atan2((after - before).norm(dim=1), (after + before).norm(dim=1)))


def _mean(features: Rows) -> Tensor:
    return sum(_double(features[part]).sum(0) for part in chunks_of(len(features), ROWS_AT_ONCE)) / len(features)


def _double(rows: Tensor) -> Tensor:
    return rows.cpu().double()  # not every accelerator has double precision
