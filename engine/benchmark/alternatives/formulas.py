"""What one writes without a library: a backward pass per pair, and DataInf's formula over such gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.benchmark.alternatives.interface import Job
from engine.benchmark.alternatives.job import DAMPING
from engine.benchmark.baselines import gradients_pair_by_pair, loss_gradients


@dataclass(frozen=True)
class GradientPerPair:
    """Plain autograd of the removal term; also the truth that everything is compared with."""

    shared: bool
    """whether one forward pass of a batch serves all its pairs"""
    curvature: str = "identity"
    package: None = None
    how: str = "the removal term, exactly; a backward pass per pair through its batch, and a stored gradient each"

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "autograd per pair" + ("" if self.shared else ", a forward pass each as well")

    def scores(self, job: Job) -> Tensor:
        """⟨∇L_q, ∇R_n⟩, `[pairs]`."""
        towers = job.setting.towers(job.setting.config.tier)
        gradient = loss_gradients(towers, job.validation, apart=False)[0]
        return torch.cat([rows @ gradient for rows in self._rows(job)])

    def removal_gradients(self, job: Job) -> Tensor:
        """∇R_n, `[pairs, parameters]`."""
        return torch.cat(self._rows(job))

    def _rows(self, job: Job) -> list[Tensor]:
        towers = job.setting.towers(job.setting.config.tier)
        batches = [torch.as_tensor(batch) for batch in job.setting.segmentation.batches]
        return [gradients_pair_by_pair(towers, batch, len(batch), self.shared) for batch in batches]


@dataclass(frozen=True)
class DataInfPerPair:
    """H⁻¹v ≈ (1/nλ) Σ_i [v − (g_i·v)/(λ + ‖g_i‖²) g_i], tensor by tensor (Kwon et al. 2024), g_i = ∇l_i."""

    name: str = "DataInf's formula, a gradient per pair"
    curvature: str = "datainf"
    package: None = None
    how: str = "a pair's own loss in its batch; what it does as others' negative is left out"

    def scores(self, job: Job) -> Tensor:
        """⟨H⁻¹∇L_q, ∇l_n⟩, `[pairs]`."""
        towers = job.setting.towers(job.setting.config.tier)
        query = loss_gradients(towers, job.validation, apart=False)[0]
        batches = [torch.as_tensor(batch) for batch in job.setting.segmentation.batches]
        gradients = torch.cat([loss_gradients(towers, batch, apart=True) for batch in batches])
        found, sizes = gradients.new_zeros(len(gradients)), [part.numel() for part in towers.parameters.values()]
        for rows, asked in zip(gradients.split(sizes, 1), query.split(sizes), strict=True):
            damping = DAMPING * rows.square().mean()
            weights = (rows @ asked) / (damping + rows.square().sum(1))
            found += rows @ (asked - weights @ rows / len(rows)) / damping
        return found
