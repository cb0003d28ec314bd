"""Margin: by how much the pair matches better than its image with any other caption, its caption with any other image.

    margin = ½ [ (S_xy − max_j S_xj) + (S_xy − max_i S_iy) ]        S the cosine of an image and a caption

j runs over the references' captions other than y, i over their images other than x; copies of y or x (class prompts,
duplicates) are no others. Lower is more suspect; −2 … 2. Source: the margin of retrieval, averaged over both
directions. Cost: two products candidates × references, shared with the losses.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.signals.copies import Copies
from engine.signals.interface import Candidates


class Margin:
    """Similarity less that of the best other caption and of the best other image, mean of both."""

    name = "margin"
    sign = -1

    def __call__(self, candidates: Candidates) -> Tensor:
        """The margin of each candidate, `[candidates]`; NaN where no reference differs from it."""
        space = candidates.space
        caption = _best_other(candidates.other_captions, space.text_index.copies, candidates.texts, space.references)
        image = _best_other(candidates.other_images, space.image_index.copies, candidates.images, space.references)
        found = candidates.similarity - 0.5 * (caption + image)
        return found.masked_fill(found.isinf(), float("nan"))


def _best_other(similarity: Tensor, copies: Copies, own: Tensor, references: Tensor) -> Tensor:
    """The largest similarity of each row among references that are no copies of `own`, `[rows]`; −inf without one."""
    is_copy = copies.group[own][:, None] == copies.group[references]
    return torch.where(is_copy, float("-inf"), similarity).amax(1)
