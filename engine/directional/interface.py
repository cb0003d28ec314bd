"""The `FeatureMap` seam, and the chain rule between features and logits that every map shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from torch import Tensor

from engine.parameters import ParameterSubset


@dataclass(frozen=True)
class Features:
    """Features of some texts and some images, or derivatives of them with a leading `[queries]` axis.

    As values: unit rows and the log of the logit scale. As tangents or cotangents: derivatives in them.
    """

    text: Tensor
    """`[..., texts, embed_dim]`"""
    image: Tensor
    """`[..., images, embed_dim]`"""
    log_logit_scale: Tensor
    """`[...]`, natural logarithm of the multiplier of the similarities."""
    logit_bias: Tensor
    """`[...]`, added to every logit; 0 in models without one. Only a sigmoid loss notices it."""

    def of_pairs(self, pairs: Tensor) -> Features:
        """The rows of these pairs, on both sides."""
        return replace(self, text=self.text[..., pairs, :], image=self.image[..., pairs, :])


class FeatureMap(Protocol):
    """Unit features of a set of texts and images as a function of the parameters under study."""

    subset: ParameterSubset

    def features(self, texts: Tensor, images: Tensor) -> Features:
        """Unit features of the texts and images with these indices, at θ̂."""

    def tangents(self, texts: Tensor, images: Tensor, directions: Tensor) -> Features:
        """Derivative of `features` along each of `directions`, `[queries, parameters]`."""

    def pullback(self, texts: Tensor, images: Tensor, cotangents: Features) -> Tensor:
        """Transpose of `tangents`: gradients `[queries, parameters]` of what has these cotangents."""

    def features_and_pullback(self, texts: Tensor, images: Tensor) -> tuple[Features, Callable[[Features], Tensor]]:
        """`features`, and `pullback` at the same rows, to be called once; one forward pass if it fits."""

    def tangents_and_pullback(
        self, texts: Tensor, images: Tensor, directions: Tensor
    ) -> tuple[Features, Callable[[Features], Tensor]]:
        """`tangents`, and `pullback` at the same rows, to be called once; one forward pass if it fits."""

    def pullback_tangents(self, texts: Tensor, images: Tensor, cotangents: Features, directions: Tensor) -> Tensor:
        """Derivative of `pullback` of fixed cotangents along each of `directions`, `[queries, parameters]`.

        The cotangents have a leading axis of 1 or `[queries]`. It is what the map's own bend adds to a Hessian.
        """

    def moved(self, change: Tensor) -> FeatureMap:
        """The same map at θ̂ + `change`, `[parameters]`."""


@runtime_checkable
class KnowsPullbackNorms(Protocol):
    """What a feature map may offer besides: norms of pullbacks for less than the pullbacks cost."""

    def squared_pullback_norms(self, texts: Tensor, images: Tensor, cotangents: Features) -> Tensor:
        """Squared norm of `pullback` in each tensor of the subset, `[queries, tensors]`."""


def logits_of(features: Features) -> Tensor:
    """`[texts, images]`: multiplier times similarity, plus the bias."""
    return features.log_logit_scale.exp() * features.text @ features.image.T + features.logit_bias


def logit_tangents(features: Features, tangents: Features) -> Tensor:
    """Derivative of `logits_of` along feature tangents, `[queries, texts, images]`."""
    similarity = tangents.text @ features.image.T + features.text @ tangents.image.transpose(1, 2)
    scale = features.log_logit_scale.exp()
    moved_scale = tangents.log_logit_scale[:, None, None] * (features.text @ features.image.T)
    return scale * (similarity + moved_scale) + tangents.logit_bias[:, None, None]


def logit_cotangents(features: Features, cotangents: Tensor) -> Features:
    """Transpose of `logit_tangents`: feature cotangents of logit cotangents `[queries, texts, images]`."""
    scale = features.log_logit_scale.exp()
    return Features(
        text=scale * cotangents @ features.image,
        image=scale * cotangents.transpose(1, 2) @ features.text,
        log_logit_scale=(cotangents * (logits_of(features) - features.logit_bias)).sum((1, 2)),
        logit_bias=cotangents.sum((1, 2)),
    )
