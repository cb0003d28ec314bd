"""The feature map of some rows of the full encoders' towers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.directional.derivatives import Parameters
from engine.directional.encoders import NAMES_OF_TEMPERATURE, EncoderTowers
from engine.directional.interface import Features
from engine.parameters import ParameterSubset


@dataclass(frozen=True)
class EncoderFeatureMap:
    """The feature map of some images and texts; implements `FeatureMap`."""

    towers: EncoderTowers
    text_rows: Tensor
    """row of each text, `[texts]`"""
    image_rows: Tensor
    """row of each image, `[images]`"""

    @property
    def subset(self) -> ParameterSubset:
        """The studied parameters in the order of the flat vector."""
        return self.towers.subset

    def moved(self, change: Tensor) -> EncoderFeatureMap:
        """The same map at θ̂ + `change`, `[parameters]`."""
        return replace(self, towers=self.towers.moved(change))

    def features(self, texts: Tensor, images: Tensor) -> Features:
        """Unit features at θ̂, `[texts, embed_dim]` and `[images, embed_dim]`."""
        text = self.towers.features("text", self.text_rows[texts.cpu()])
        image = self.towers.features("image", self.image_rows[images.cpu()])
        return self._features(text, image)

    def tangents(self, texts: Tensor, images: Tensor, directions: Tensor) -> Features:
        """Derivatives along `directions` `[queries, parameters]`: `[queries, texts, embed_dim]`, …."""
        parts = self.subset.unflatten(directions)
        text = self.towers.tangents("text", self.text_rows[texts.cpu()], parts)
        image = self.towers.tangents("image", self.image_rows[images.cpu()], parts)
        return self._tangents(text, image, directions, parts)

    def pullback(self, texts: Tensor, images: Tensor, cotangents: Features) -> Tensor:
        """Gradients `[queries, parameters]` from feature cotangents with a leading `[queries]` axis."""
        text = self.towers.pullback("text", self.text_rows[texts.cpu()], cotangents.text)
        image = self.towers.pullback("image", self.image_rows[images.cpu()], cotangents.image)
        return self._flat(cotangents, text, image)

    def features_and_pullback(self, texts: Tensor, images: Tensor) -> tuple[Features, Callable[[Features], Tensor]]:
        """Features, and `pullback` of one query at the same rows."""
        text, pull_text = self.towers.features_and_pullback("text", self.text_rows[texts.cpu()])
        image, pull_image = self.towers.features_and_pullback("image", self.image_rows[images.cpu()])

        def pull(cotangents: Features) -> Tensor:
            return self._flat(cotangents, pull_text(cotangents.text), pull_image(cotangents.image))

        return self._features(text, image), pull

    def tangents_and_pullback(
        self, texts: Tensor, images: Tensor, directions: Tensor
    ) -> tuple[Features, Callable[[Features], Tensor]]:
        """Derivatives along `directions`, and `pullback` at the same rows."""
        parts = self.subset.unflatten(directions)
        text, pull_text = self.towers.tangents_and_pullback("text", self.text_rows[texts.cpu()], parts)
        image, pull_image = self.towers.tangents_and_pullback("image", self.image_rows[images.cpu()], parts)

        def pull(cotangents: Features) -> Tensor:
            return self._flat(cotangents, pull_text(cotangents.text), pull_image(cotangents.image))

        return self._tangents(text, image, directions, parts), pull

    def pullback_tangents(self, texts: Tensor, images: Tensor, cotangents: Features, directions: Tensor) -> Tensor:
        """Derivative of `pullback` of fixed cotangents along `directions`, `[queries, parameters]`.

        The temperature is a feature itself, so it does not bend.
        """
        moved = self.subset.unflatten(directions)
        parts = {name: torch.zeros_like(part) for name, part in moved.items()}
        for kind, rows, given in (
            ("text", self.text_rows[texts.cpu()], cotangents.text),
            ("image", self.image_rows[images.cpu()], cotangents.image),
        ):
            for name, part in self.towers.pullback_tangents(kind, rows, given, moved).items():
                parts[name] += part
        return self.subset.flatten(parts)

    def _features(self, text: Tensor, image: Tensor) -> Features:
        known = {**self.towers.temperature, **self.towers.parameters}
        return Features(text, image, *(known[name] for name in NAMES_OF_TEMPERATURE.values()))

    @staticmethod
    def _tangents(text: Tensor, image: Tensor, directions: Tensor, parts: Parameters) -> Features:
        """Tangents of both towers, and those of the temperature, which is a feature and a parameter at once."""
        still = directions.new_zeros(len(directions))
        return Features(text, image, *(parts.get(name, still) for name in NAMES_OF_TEMPERATURE.values()))

    def _flat(self, cotangents: Features, text: Parameters, image: Parameters) -> Tensor:
        """The gradients of both towers and of the temperature as `[queries, parameters]`."""
        queries = len(cotangents.text)
        parts = {name: cotangents.text.new_zeros(queries, *shape) for name, shape in self.subset.shapes.items()}
        for found in (text, image):
            for name, part in found.items():
                parts[name] += part
        for name in NAMES_OF_TEMPERATURE.values():
            if name in parts:
                parts[name] = getattr(cotangents, name)
        return self.subset.flatten(parts)
