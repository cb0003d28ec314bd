"""Phase B: the two projection heads on the noisy train split, to convergence.

Objective, over n pairs cut into batches B_m, averaged over a few seeded segmentations:

    J(θ) = (1/n) Σ_m L(B_m; θ) + (λ/2) ‖θ − θ_A‖²

θ are the two heads, θ_A the heads of phase A, L the sum of the pair losses of a batch, logits 20 u·v.
At the minimum ∇J = 0, which is where influence functions are valid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


@dataclass(frozen=True)
class HeadTuning:
    """The recipe of phase B."""

    batch_size: int = 100
    segmentations: int = 4
    penalty: float = 0.3
    """λ, towards the heads of phase A"""
    iterations: int = 400
    """of L-BFGS, at most"""
    seed: int = 0


@dataclass(frozen=True)
class Heads:
    """The two linear maps and the multiplier of the logits."""

    text: Tensor
    """`[embed_dim, text_dim]`"""
    image: Tensor
    """`[embed_dim, image_dim]`"""
    logit_scale: float

    def texts(self, penultimate: Tensor) -> Tensor:
        """Unit text features `[texts, embed_dim]`."""
        return normalize(penultimate @ self.text.T, dim=-1)

    def images(self, penultimate: Tensor) -> Tensor:
        """Unit image features `[images, embed_dim]`."""
        return normalize(penultimate @ self.image.T, dim=-1)


def segment(num_pairs: int, recipe: HeadTuning) -> list[list[np.ndarray]]:
    """The seeded segmentations: for each, batches of at most `batch_size` positions, of nearly equal size."""
    num_batches = -(-num_pairs // recipe.batch_size)
    orders = [np.random.default_rng([recipe.seed, k]).permutation(num_pairs) for k in range(recipe.segmentations)]
    return [np.array_split(order, num_batches) for order in orders]


def objective(
    heads: Heads, start: Heads, features: tuple[Tensor, Tensor], cuts: list[list[np.ndarray]], penalty: float
) -> Tensor:
    """J, in nats per pair.

    Args:
        heads: θ.
        start: θ_A.
        features: penultimate image and text features of the pairs, `[pairs, 128]` each.
        cuts: what `segment` gives.
        penalty: λ.
    """
    images, texts = heads.images(features[0]), heads.texts(features[1])
    total = images.new_zeros(())
    for batches in cuts:
        for batch in batches:
            logits, own = heads.logit_scale * texts[batch] @ images[batch].T, torch.arange(len(batch))
            total = total + (cross_entropy(logits, own, reduction="sum")
                             + cross_entropy(logits.T, own, reduction="sum")) / 2  # fmt: skip
    away = (heads.text - start.text).square().sum() + (heads.image - start.image).square().sum()
    return total / (len(cuts) * len(images)) + penalty / 2 * away


def tune_heads(start: Heads, features: tuple[Tensor, Tensor], recipe: HeadTuning) -> tuple[Heads, float, float]:
    """Minimise J by L-BFGS in float64.

    Args:
        start: heads of phase A.
        features: penultimate image and text features of the train pairs.
        recipe: sizes, λ, iterations.

    Returns:
        The heads (float32), ‖∇J‖ at the start and at the end.
    """
    first = Heads(start.text.double(), start.image.double(), start.logit_scale)
    features = (features[0].double(), features[1].double())
    cuts = segment(len(features[0]), recipe)
    text, image = first.text.clone().requires_grad_(), first.image.clone().requires_grad_()
    heads = Heads(text, image, first.logit_scale)
    solver = torch.optim.LBFGS(
        [text, image], max_iter=recipe.iterations, max_eval=2 * recipe.iterations, history_size=30,
        tolerance_grad=1e-7, tolerance_change=1e-12, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def value() -> Tensor:
        solver.zero_grad()
        loss = objective(heads, first, features, cuts, recipe.penalty)
        loss.backward()
        return loss

    def gradient_norm() -> float:
        value()
        return float(torch.cat([text.grad.flatten(), image.grad.flatten()]).norm())

    before = gradient_norm()
    solver.step(value)
    after = gradient_norm()
    return Heads(text.detach().float(), image.detach().float(), start.logit_scale), before, after
