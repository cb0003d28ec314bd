"""Tier `heads`: unit features as a function of the two projections, on cached penultimate features.

    feature = y / ‖y‖,   y = W x + b         d feature = (dy − feature (feature · dy)) / ‖y‖,   dy = dW x

Closed form in both directions, and for the second derivative; no encoder pass is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from engine.directional.interface import Features
from engine.feature_rows import Rows
from engine.memory import in_chunks_that_fit
from engine.models.interface import Heads
from engine.parameters import ParameterSubset


@dataclass(frozen=True)
class HeadsFeatureMap:
    """Projections applied to cached penultimate features.

    Args:
        heads: the projections and the log logit scale at θ̂.
        text_inputs: penultimate text features, `[texts, text_dim]`, perhaps mapped: the rows asked for are gathered.
        image_inputs: penultimate image features, `[images, image_dim]`.
        log_logit_scale: whether the log logit scale (and the logit bias, if there is one) is studied.
        chunk_size: rows whose derivatives are in memory at once; never changes a result.
    """

    heads: Heads
    text_inputs: Rows
    image_inputs: Rows
    log_logit_scale: bool = False
    chunk_size: int = 256

    @property
    def subset(self) -> ParameterSubset:
        """Text head, image head, and the log logit scale and bias if they are studied."""
        shapes = {"text_head": self.heads.text.shape, "image_head": self.heads.image.shape}
        if self.log_logit_scale:
            shapes["log_logit_scale"] = torch.Size([])
            if self.heads.logit_bias is not None:
                shapes["logit_bias"] = torch.Size([])
        return ParameterSubset({name: tuple(shape) for name, shape in shapes.items()})

    def moved(self, change: Tensor) -> HeadsFeatureMap:
        """The same map at θ̂ + `change`, `[parameters]`."""
        parts = {name: part[0] for name, part in self.subset.unflatten(change[None]).items()}
        heads = replace(
            self.heads, text=self.heads.text + parts["text_head"], image=self.heads.image + parts["image_head"]
        )
        for name in ("log_logit_scale", "logit_bias"):
            if name in parts:
                heads = replace(heads, **{name: getattr(heads, name) + parts[name]})
        return replace(self, heads=heads)

    def features(self, texts: Tensor, images: Tensor) -> Features:
        """Unit features at θ̂, `[texts, embed_dim]` and `[images, embed_dim]`."""
        text, _ = _unit(self.text_inputs[texts], self.heads.text, self.heads.text_bias)
        image, _ = _unit(self.image_inputs[images], self.heads.image, self.heads.image_bias)
        bias = self.heads.log_logit_scale.new_zeros(()) if self.heads.logit_bias is None else self.heads.logit_bias
        return Features(text, image, self.heads.log_logit_scale, bias)

    def tangents(self, texts: Tensor, images: Tensor, directions: Tensor) -> Features:
        """Derivatives along `directions` `[queries, parameters]`: `[queries, texts, embed_dim]`, …."""
        parts = self.subset.unflatten(directions)
        still = directions.new_zeros(directions.shape[0])
        return Features(
            text=self._tower_tangents(
                self.text_inputs[texts], self.heads.text, self.heads.text_bias, parts["text_head"]
            ),
            image=self._tower_tangents(
                self.image_inputs[images], self.heads.image, self.heads.image_bias, parts["image_head"]
            ),
            log_logit_scale=parts.get("log_logit_scale", still),
            logit_bias=parts.get("logit_bias", still),
        )

    def pullback(self, texts: Tensor, images: Tensor, cotangents: Features) -> Tensor:
        """Gradients `[queries, parameters]` from feature cotangents with a leading `[queries]` axis."""
        parts = {
            "text_head": self._tower_pullback(
                self.text_inputs[texts], self.heads.text, self.heads.text_bias, cotangents.text
            ),
            "image_head": self._tower_pullback(
                self.image_inputs[images], self.heads.image, self.heads.image_bias, cotangents.image
            ),
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
        """Derivative of `pullback` of fixed cotangents along each of `directions`, `[queries, parameters]`.

        The log logit scale and the bias are features themselves, so they do not bend.
        """
        moved = self.subset.unflatten(directions)
        parts = {name: torch.zeros_like(part) for name, part in moved.items()}
        parts["text_head"] = self._tower_pullback_tangents(
            self.text_inputs[texts], self.heads.text, self.heads.text_bias, cotangents.text, moved["text_head"]
        )
        parts["image_head"] = self._tower_pullback_tangents(
            self.image_inputs[images], self.heads.image, self.heads.image_bias, cotangents.image, moved["image_head"]
        )
        return self.subset.flatten(parts)

    def squared_pullback_norms(self, texts: Tensor, images: Tensor, cotangents: Features) -> Tensor:
        """Squared norm of `pullback` in each tensor of the subset, `[queries, tensors]`.

        A head's gradient is Σ_t dy_t x_tᵀ. Its norm stays when the inputs are written in an orthonormal basis of what
        they span, which for a batch of fewer inputs than input dimensions is smaller.
        """
        norms = {
            "text_head": self._squared_tower_norms(
                self.text_inputs[texts], self.heads.text, self.heads.text_bias, cotangents.text
            ),
            "image_head": self._squared_tower_norms(
                self.image_inputs[images], self.heads.image, self.heads.image_bias, cotangents.image
            ),
            "log_logit_scale": cotangents.log_logit_scale.square(),
            "logit_bias": cotangents.logit_bias.square(),
        }
        return torch.stack([norms[name] for name in self.subset.shapes], 1)

    def _tower_tangents(self, inputs: Tensor, weight: Tensor, bias: Tensor | None, moved: Tensor) -> Tensor:
        parts = []

        def add(part: slice, rows: Tensor) -> None:
            unit, norm = _unit(rows, weight, bias)
            parts.append(_tangent_to_sphere(rows @ moved.transpose(1, 2), unit, norm))

        self._chunkwise(inputs, add)
        return torch.cat(parts, 1) if parts else moved.new_zeros(len(moved), 0, weight.shape[0])

    def _tower_pullback(self, inputs: Tensor, weight: Tensor, bias: Tensor | None, cotangent: Tensor) -> Tensor:
        total = []  # the first chunk's, to which the others are added

        def add(part: slice, rows: Tensor) -> None:
            unit, norm = _unit(rows, weight, bias)
            gradient = _tangent_to_sphere(cotangent[:, part], unit, norm).transpose(1, 2) @ rows
            if total:
                total[0].add_(gradient)
            else:
                total.append(gradient)

        self._chunkwise(inputs, add)
        return total[0] if total else cotangent.new_zeros(len(cotangent), *weight.shape)

    def _tower_pullback_tangents(
        self, inputs: Tensor, weight: Tensor, bias: Tensor | None, cotangent: Tensor, moved: Tensor
    ) -> Tensor:
        total = torch.zeros_like(moved)

        def add(part: slice, rows: Tensor) -> None:
            unit, norm = _unit(rows, weight, bias)
            step = rows @ moved.transpose(1, 2)
            total.add_(_bend_of_sphere(cotangent[:, part], step, unit, norm).transpose(1, 2) @ rows)

        self._chunkwise(inputs, add)
        return total

    def _chunkwise(self, inputs: Tensor, work: Callable[[slice, Tensor], None]) -> None:
        def chunks(first: int, size: int) -> Iterator[tuple[slice, Tensor]]:
            for start in range(first, len(inputs), size):
                part = slice(start, min(start + size, len(inputs)))
                yield part, inputs[part]

        in_chunks_that_fit(len(inputs), self.chunk_size, chunks, work)

    def _squared_tower_norms(self, inputs: Tensor, weight: Tensor, bias: Tensor | None, cotangent: Tensor) -> Tensor:
        unit, norm = _unit(inputs, weight, bias)
        coordinates = torch.linalg.qr(inputs.T).R
        gradient = coordinates @ _tangent_to_sphere(cotangent, unit, norm)
        return torch.linalg.vector_norm(gradient, dim=(1, 2)).square()


def _unit(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Unit features `[rows, embed_dim]` and the norms `[rows, 1]` before normalising."""
    projected = inputs @ weight.T
    if bias is not None:
        projected = projected + bias
    norm = projected.norm(dim=1, keepdim=True)
    return projected / norm, norm


def _tangent_to_sphere(vectors: Tensor, unit: Tensor, norm: Tensor) -> Tensor:
    """(v − unit (unit · v)) / norm: the derivative of normalising, and its own transpose."""
    return (vectors - unit * (vectors * unit).sum(-1, keepdim=True)) / norm


def _bend_of_sphere(cotangent: Tensor, step: Tensor, unit: Tensor, norm: Tensor) -> Tensor:
    """Derivative of `_tangent_to_sphere(cotangent)` as the point before normalising moves by `step`."""
    moved_unit = _tangent_to_sphere(step, unit, norm)
    moved_norm = (unit * step).sum(-1, keepdim=True)
    along = (cotangent * unit).sum(-1, keepdim=True)
    turned = moved_unit * along + unit * (cotangent * moved_unit).sum(-1, keepdim=True)
    return -(turned + _tangent_to_sphere(cotangent, unit, norm) * moved_norm) / norm
