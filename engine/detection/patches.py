"""Image features without a network and without labels: a dictionary of patches.

x      a patch of p × p pixels, contrast-normalised: (x − mean) / √(variance + 10/255²)
z      = (x − μ) V (Λ + ε)^−½ Vᵀ, whitened by the covariance V Λ Vᵀ of the fitted patches (ZCA)
d_k    = ‖z − c_k‖, the distance to dictionary entry k of k-means
f_k    = max(0, mean_j d_j − d_k), the triangle activation
image  = the sums of f over the four quarters of the picture, `[4 · entries]`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, unfold

CONTRAST = 10 / 255**2
"""added to a patch's variance, so that flat patches are not blown up; pixels are 0 … 1"""
WHITENING = 0.1
"""ε, added to the eigenvalues of the normalised patches' covariance"""
FITTED_PATCHES = 200_000
IMAGES_AT_ONCE = 32


@dataclass(frozen=True)
class PatchDictionary:
    """What was learned from patches; gives the features of any picture."""

    patch: int
    """side of a patch, pixels"""
    stride: int
    """pixels from one patch to the next"""
    mean: Tensor
    """μ, `[patch_values]`"""
    whitening: Tensor
    """V (Λ + ε)^−½ Vᵀ, `[patch_values, patch_values]`"""
    entries: Tensor
    """c, `[entries, patch_values]`"""

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Pooled triangle activations `[images, 4 · entries]` of RGB images `[images, 3, side, side]`, 0 … 1."""
        parts = [self._pooled(chunk) for chunk in images.split(IMAGES_AT_ONCE)]
        return torch.cat(parts) if parts else self.mean.new_empty(0, 4 * len(self.entries))

    def _pooled(self, images: Tensor) -> Tensor:
        patches = unfold(images, self.patch, stride=self.stride).transpose(1, 2)
        along = (images.shape[-1] - self.patch) // self.stride + 1
        white = (normalised(patches) - self.mean) @ self.whitening
        squared = (white**2).sum(-1, keepdim=True) + (self.entries**2).sum(1) - 2 * white @ self.entries.T
        distances = squared.clamp_(min=0).sqrt_()
        active = (distances.mean(-1, keepdim=True) - distances).clamp_(min=0)
        maps = active.transpose(1, 2).unflatten(2, (along, along))
        return adaptive_avg_pool2d(maps, 2).flatten(1)


def normalised(patches: Tensor) -> Tensor:
    """Patches `[…, patch_values]` with mean 0 and variance at most 1."""
    centred = patches - patches.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + CONTRAST).sqrt()


def fit_dictionary(images: Tensor, patch: int, stride: int, entries: int, seed: int) -> PatchDictionary:
    """Learn a dictionary from random patches.

    Args:
        images: `[images, 3, side, side]`, 0 … 1.
        patch: side of a patch, pixels.
        stride: pixels from one patch to the next where features are computed.
        entries: of the dictionary, at most the number of patches drawn.
        seed: of the patches and of k-means.
    """
    generator = np.random.default_rng(seed)
    places = images.shape[-1] - patch + 1
    which = generator.integers(0, len(images), FITTED_PATCHES)
    rows, columns = generator.integers(0, places, (2, FITTED_PATCHES))
    windows = images.unfold(2, patch, 1).unfold(3, patch, 1)  # a view, [images, 3, places, places, patch, patch]
    drawn = normalised(windows[which, :, rows, columns].flatten(1))
    mean = drawn.mean(0)
    covariance = torch.cov((drawn - mean).T)
    values, vectors = torch.linalg.eigh(covariance)
    whitening = (vectors * (values.clamp(min=0) + WHITENING) ** -0.5) @ vectors.T
    white = (drawn - mean) @ whitening
    found = MiniBatchKMeans(entries, batch_size=4096, max_iter=20, n_init=1, random_state=seed).fit(white.numpy())
    return PatchDictionary(patch, stride, mean, whitening, torch.from_numpy(found.cluster_centers_).to(images))
