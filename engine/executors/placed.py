"""Feature maps whose passes run elsewhere, and how maths that knows only a feature map finds where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from engine.directional import FeatureMap, Features
from engine.executors.interface import Passes
from engine.executors.local import LocalPasses
from engine.parameters import ParameterSubset


@dataclass(frozen=True)
class PlacedFeatureMap:
    """A feature map that is open here for single questions, and open elsewhere for passes over many pairs."""

    here: FeatureMap
    passes: Passes
    """over the same map, opened by other processes"""

    @property
    def subset(self) -> ParameterSubset:
        """The studied parameters."""
        return self.here.subset

    def features(self, texts: Tensor, images: Tensor) -> Features:
        """Of the map here."""
        return self.here.features(texts, images)

    def tangents(self, texts: Tensor, images: Tensor, directions: Tensor) -> Features:
        """Of the map here."""
        return self.here.tangents(texts, images, directions)

    def pullback(self, texts: Tensor, images: Tensor, cotangents: Features) -> Tensor:
        """Of the map here."""
        return self.here.pullback(texts, images, cotangents)

    def features_and_pullback(self, texts: Tensor, images: Tensor) -> tuple[Features, Callable[[Features], Tensor]]:
        """Of the map here."""
        return self.here.features_and_pullback(texts, images)

    def tangents_and_pullback(
        self, texts: Tensor, images: Tensor, directions: Tensor
    ) -> tuple[Features, Callable[[Features], Tensor]]:
        """Of the map here."""
        return self.here.tangents_and_pullback(texts, images, directions)

    def pullback_tangents(self, texts: Tensor, images: Tensor, cotangents: Features, directions: Tensor) -> Tensor:
        """Of the map here."""
        return self.here.pullback_tangents(texts, images, cotangents, directions)

    def moved(self, change: Tensor) -> FeatureMap:
        """At other parameters, which nobody else knows: here alone."""
        return self.here.moved(change)


def passes_over(feature_map: FeatureMap) -> Passes:
    """Where passes over a feature map run: where it was placed, else in this process."""
    return feature_map.passes if isinstance(feature_map, PlacedFeatureMap) else LocalPasses(feature_map)


def opened_here(feature_map: FeatureMap) -> FeatureMap:
    """The map itself, without its place."""
    return feature_map.here if isinstance(feature_map, PlacedFeatureMap) else feature_map
