"""Margin: by how much the pair matches better than its image with any other caption, its caption with any other image.

    margin = ½ [ (S_xy − max_j S_xj) + (S_xy − max_i S_iy) ]        S the cosine of an image and a caption

i and j run over the references that are wrong answers: those with a picture or a caption of the candidate's own two
pairs (class prompts, duplicates, the caption that a picture had before it was swapped) are none. Lower is more suspect;
−2 … 2. Source: the margin of retrieval, averaged over both directions. Cost: two products candidates × references,
shared with the losses.
"""

from __future__ import annotations

from torch import Tensor

from engine.signals.interface import Candidates


class Margin:
    """Similarity less that of the best other caption and of the best other image, mean of both."""

    name = "margin"
    sign = -1

    def __call__(self, candidates: Candidates) -> Tensor:
        """The margin of each candidate, `[candidates]`; NaN where no reference differs from it."""
        is_right_answer = candidates.log_rivalry.isinf()
        caption = candidates.other_captions.masked_fill(is_right_answer, float("-inf")).amax(1)
        image = candidates.other_images.masked_fill(is_right_answer, float("-inf")).amax(1)
        found = candidates.similarity - 0.5 * (caption + image)
        return found.masked_fill(found.isinf(), float("nan"))
