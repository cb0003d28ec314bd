"""Training a model on the pairs of a study, so that a retraining differs by the pairs left out and by nothing else.

    J(θ) = (1/n) Σ_m L(B_m; θ) + (λ/2) ‖θ − θ_start‖²          n training pairs, batches B_m; L sums the pair losses

A step takes the gradient of L(B_m) / N + (λ/2) ‖θ − θ_start‖², N the nominal batch size: n / number of batches. The
mean over an epoch's steps is ∇J. Pairs that are left out are missing from their batches; n, N, start, order and
learning rates stay, so nothing is rescaled. There is no dropout and no augmentation.
"""

from engine.finetune.recipe import Recipe

__all__ = ["Recipe"]
