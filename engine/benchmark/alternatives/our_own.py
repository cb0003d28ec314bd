"""The engine's own passes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.benchmark.alternatives.interface import LOSS, Job
from engine.curvature import inverse_curvature
from engine.directional import EncoderFeatureMap, FeatureMap
from engine.influence.scores import segmented_scores
from engine.objective import summed_loss


@dataclass(frozen=True)
class Scores:
    """One directional pass for all pairs."""

    curvature: str
    tier: str = "heads"
    """heads: on cached features, as a run does; encoders: through them in every pass, as the others do"""
    package: None = None
    how: str = "the removal term, exactly; one directional pass for all pairs"

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "this project" + ("" if self.tier == "heads" else ", through the encoders")

    def scores(self, job: Job) -> Tensor:
        """⟨H⁻¹∇L_q, ∇R_n⟩, `[pairs]`."""
        pairs, query = self._maps(job)
        _, gradient = summed_loss(query, LOSS, [torch.arange(job.num_validation).numpy()])
        config = replace(job.setting.config, curvature=self.curvature)
        inverse = inverse_curvature(config, pairs, job.setting.segmentation, gradient[0])
        weights = inverse.solve(gradient).values
        return segmented_scores(pairs, LOSS, [job.setting.segmentation], weights).mean.both[0]

    def _maps(self, job: Job) -> tuple[FeatureMap, FeatureMap]:
        """Features of the training pairs and of the query's."""
        everyone = torch.arange(job.num_pairs + job.num_validation)
        if self.tier == "heads":
            one = job.setting.heads_map(everyone)
            rows = (one.text_inputs, one.image_inputs)
            return tuple(
                replace(one, text_inputs=rows[0][part], image_inputs=rows[1][part])
                for part in (job.setting.pairs, job.validation)
            )
        towers = job.setting.towers(job.setting.config.tier)
        return tuple(EncoderFeatureMap(towers, part, part) for part in (job.setting.pairs, job.validation))
