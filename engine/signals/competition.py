"""Competition: how surely a candidate wins against other captions of its image, and other images of its caption.

With scores s (similarity × logit scale, or association), own score s_n and references k that are no right answers,
each counted by its trust t_k:

    loss = −log [ e^{s_n} / (e^{s_n} + Σ_k t_k e^{s_k}) ]                                           [nats]

The contrastive loss of a batch of all references, one side at a time. Among the pairs whose captions (or images) are
nearest to the candidate's own, the same loss asks the harder question: does it fit better than what is alike? Near
misses, such as the caption of a similar scene, show only there. Trust plays no part among the nearest, and neighbours
with the very same caption compete: then the question is whether the picture is a good one for its caption. Cost: a
matrix product per side, shared by the losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.signals.association import association_table, own_association, paired_association
from engine.signals.interface import Candidates
from engine.signals.neighbours import Neighbours


@dataclass(frozen=True)
class CompetitionLoss:
    """−log of the share of the own answer; higher is more suspect.

    Args:
        over: "captions" that compete for the image, or "images" that compete for the caption.
        by: "similarity" or "association".
        among_alike: only against pairs alike: captions of alike images, or images of alike captions.
    """

    over: str
    by: str
    among_alike: bool = False
    sign: int = 1

    @property
    def name(self) -> str:
        """Such as caption_loss, or alike_image_association_loss."""
        parts = ["alike"] * self.among_alike + [self.over.removesuffix("s")]
        return "_".join([*parts, *(["association"] if self.by == "association" else []), "loss"])

    def __call__(self, candidates: Candidates) -> Tensor:
        """Loss of each candidate, `[candidates]`, nats."""
        own = _own_scores(candidates, self.by)
        rivals = self._alike_rivals(candidates) if self.among_alike else self._rivals(candidates)
        return torch.logaddexp(rivals.logsumexp(1), own) - own

    def _rivals(self, candidates: Candidates) -> Tensor:
        """Score plus log trust of every reference, `[candidates, references]`."""
        space = candidates.space
        if self.by == "similarity":
            others = candidates.other_captions if self.over == "captions" else candidates.other_images
            return space.logit_scale * others + candidates.log_rivalry
        image, text = space.variates.image, space.variates.text
        if self.over == "captions":
            scores = association_table(space.variates, image[candidates.images], text[space.references])
        else:
            scores = association_table(space.variates, text[candidates.texts], image[space.references])
        return scores + candidates.log_rivalry

    def _alike_rivals(self, candidates: Candidates) -> Tensor:
        """Scores of the nearest pairs' answers, `[candidates, neighbours]`."""
        space, over_captions = candidates.space, self.over == "captions"
        alike: Neighbours = candidates.image_neighbours if over_captions else candidates.text_neighbours
        if self.by == "similarity":
            mine, theirs = (space.image, space.text) if over_captions else (space.text, space.image)
        else:
            variates = space.variates
            mine, theirs = (variates.image, variates.text) if over_captions else (variates.text, variates.image)
        rows = mine[candidates.images if over_captions else candidates.texts]
        others = theirs[alike.positions]
        if self.by == "similarity":
            scores = space.logit_scale * torch.einsum("cd,cnd->cn", rows, others)
        else:
            scores = paired_association(space.variates, rows[:, None], others)
        return scores.masked_fill(alike.similarity.isinf(), float("-inf"))


def _own_scores(candidates: Candidates, by: str) -> Tensor:
    if by == "similarity":
        return candidates.space.logit_scale * candidates.similarity
    return own_association(candidates)
