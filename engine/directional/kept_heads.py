"""Tier `heads` with the unit features at θ̂ kept: what makes a single query quick.

`HeadsFeatureMap` projects the rows anew for values, tangents and pullbacks, which is nothing beside many directions at
once, but three of five matrix products for one direction. A process that waits for single queries keeps them instead,
for as much memory again as the penultimate features take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from engine.directional.heads import HeadsFeatureMap
from engine.directional.interface import Features
from engine.parameters import ParameterSubset


@dataclass(frozen=True)
class KeptRows:
    """One tower: rows, and what the head makes of them at θ̂."""

    inputs: Tensor
    """penultimate features, `[rows, input_dim]`"""
    unit: Tensor
    """`[rows, embed_dim]`"""
    norm: Tensor
    """before normalising, `[rows, 1]`"""

    def tangents(self, rows: Tensor, moved: Tensor) -> Tensor:
        """Derivatives of the unit features of these rows along changes of the head, `[queries, rows, embed_dim]`."""
        some = self.of(rows)
        return some._on_sphere(some.inputs @ moved.transpose(1, 2))

    def pullback(self, rows: Tensor, cotangents: Tensor) -> Tensor:
        """Gradients in the head, `[queries, embed_dim, input_dim]`."""
        some = self.of(rows)
        return some._on_sphere(cotangents).transpose(1, 2) @ some.inputs

    def of(self, rows: Tensor) -> KeptRows:
        """Some of them."""
        return KeptRows(self.inputs[rows], self.unit[rows], self.norm[rows])

    def tangents_of_all(self, moved: Tensor) -> Tensor:
        """Derivatives of all unit features along one change of the head, `[rows, embed_dim]`."""
        return self._on_sphere(self.inputs @ moved.T)

    def add_pullback_of_all(self, cotangents: Tensor, total: Tensor) -> None:
        """Add the gradient in the head of what has these cotangents `[rows, embed_dim]` to a total."""
        total.addmm_(self._on_sphere(cotangents).T, self.inputs)

    def _on_sphere(self, vectors: Tensor) -> Tensor:
        """(v − unit (unit · v)) / norm: the derivative of normalising, and its own transpose."""
        along = (vectors * self.unit).sum(-1, keepdim=True)
        return torch.addcmul(vectors, self.unit, along, value=-1).div_(self.norm)


@dataclass(frozen=True)
class KeptHeadsFeatureMap:
    """The feature map of a `HeadsFeatureMap`, quicker for single directions. Build it with `of`."""

    plain: HeadsFeatureMap
    text: KeptRows
    image: KeptRows

    @classmethod
    def of(cls, plain: HeadsFeatureMap) -> KeptHeadsFeatureMap:
        """Project all rows once, `chunk_size` of them at a time."""
        return cls(
            plain,
            _kept(plain.text_inputs, plain.heads.text, plain.heads.text_bias, plain.chunk_size),
            _kept(plain.image_inputs, plain.heads.image, plain.heads.image_bias, plain.chunk_size),
        )

    @property
    def subset(self) -> ParameterSubset:
        """Text head, image head, and the log logit scale and bias if they are studied."""
        return self.plain.subset

    def features(self, texts: Tensor, images: Tensor) -> Features:
        """Unit features at θ̂, `[texts, embed_dim]` and `[images, embed_dim]`."""
        scale, bias = self.plain.heads.log_logit_scale, self.plain.heads.logit_bias
        bias = scale.new_zeros(()) if bias is None else bias
        return Features(self.text.unit[texts], self.image.unit[images], scale, bias)

    def tangents(self, texts: Tensor, images: Tensor, directions: Tensor) -> Features:
        """Derivatives along `directions` `[queries, parameters]`: `[queries, texts, embed_dim]`, …."""
        parts, still = self.subset.unflatten(directions), directions.new_zeros(directions.shape[0])
        text = [self.text.tangents(rows, parts["text_head"]) for rows in texts.split(self.plain.chunk_size)]
        image = [self.image.tangents(rows, parts["image_head"]) for rows in images.split(self.plain.chunk_size)]
        scale, bias = (parts.get(name, still) for name in ("log_logit_scale", "logit_bias"))
        return Features(torch.cat(text, 1), torch.cat(image, 1), scale, bias)

    def pullback(self, texts: Tensor, images: Tensor, cotangents: Features) -> Tensor:
        """Gradients `[queries, parameters]` from feature cotangents with a leading `[queries]` axis."""
        parts = {
            "text_head": self.text.pullback(texts, cotangents.text),
            "image_head": self.image.pullback(images, cotangents.image),
            "log_logit_scale": cotangents.log_logit_scale,
            "logit_bias": cotangents.logit_bias,
        }
        return self.subset.flatten({name: parts[name] for name in self.subset.shapes})

    def features_and_pullback(self, texts: Tensor, images: Tensor) -> tuple[Features, Callable[[Features], Tensor]]:
        """Features, and `pullback` at the same rows."""
        return self.features(texts, images), partial(self.pullback, texts, images)

    def tangents_and_pullback(
        self, texts: Tensor, images: Tensor, directions: Tensor
    ) -> tuple[Features, Callable[[Features], Tensor]]:
        """`tangents`, and `pullback` at the same rows."""
        return self.tangents(texts, images, directions), partial(self.pullback, texts, images)

    def pullback_tangents(self, texts: Tensor, images: Tensor, cotangents: Features, directions: Tensor) -> Tensor:
        """Derivative of `pullback` of fixed cotangents along each of `directions`, `[queries, parameters]`."""
        return self.plain.pullback_tangents(texts, images, cotangents, directions)

    def squared_pullback_norms(self, texts: Tensor, images: Tensor, cotangents: Features) -> Tensor:
        """Squared norm of `pullback` in each tensor of the subset, `[queries, tensors]`."""
        return self.plain.squared_pullback_norms(texts, images, cotangents)

    def moved(self, change: Tensor) -> HeadsFeatureMap:
        """The map at θ̂ + `change`, `[parameters]`: there nothing is kept."""
        return self.plain.moved(change)


def _kept(inputs: Tensor, weight: Tensor, bias: Tensor | None, chunk_size: int) -> KeptRows:
    """All rows of one tower in memory, projected."""
    rows = inputs[torch.arange(len(inputs), device=weight.device)]
    unit = rows.new_empty(len(rows), weight.shape[0])
    norm = rows.new_empty(len(rows), 1)
    for first in range(0, len(rows), chunk_size):
        part = slice(first, first + chunk_size)
        projected = rows[part] @ weight.T
        projected = projected if bias is None else projected + bias
        norm[part] = projected.norm(dim=1, keepdim=True)
        unit[part] = projected / norm[part]
    return KeptRows(rows, unit, norm)
