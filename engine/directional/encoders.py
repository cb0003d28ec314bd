"""Tiers `lora`, `all` and regular expressions: unit features as a function of weights inside the full encoders.

Features are made a chunk of rows at a time. A batch larger than memory is no obstacle: its loss needs the features of
all rows but no graph, and the reverse pass runs each chunk again with the cotangents of its rows (GradCache, Gao et al.
2021). So the chunk bounds memory and never changes a score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from engine.directional.derivatives import WAYS, DirectionalDerivative, Parameters, plain_attention
from engine.directional.interface import Features
from engine.inputs import Inputs
from engine.memory import whole_if_it_fits
from engine.models.interface import DualEncoder
from engine.parameters import ParameterSubset
from engine.tiers import Parametrization

KINDS = ("image", "text")
NAMES_OF_TEMPERATURE = {"logit_scale": "log_logit_scale", "logit_bias": "logit_bias"}


def embed(
    encoder: DualEncoder, parametrization: Parametrization, kind: str, inputs: Any, parameters: Parameters
) -> Tensor:
    """Unit features of prepared `inputs` with these parameters, `[rows, embed_dim]`; differentiable."""
    studied = {name: part for name, part in parameters.items() if name not in NAMES_OF_TEMPERATURE.values()}
    given = {f"model.{name}": part for name, part in parametrization.weights(studied).items()}
    return functional_call(_Embedding(encoder), given, (kind, inputs))


def parameters_read_by(inputs: Inputs, parametrization: Parametrization) -> dict[str, tuple[str, ...]]:
    """The parameters that each tower reads, by kind, found by a reverse pass over one row of each."""
    found = {}
    leaves = {name: part.detach().requires_grad_() for name, part in parametrization.start.items()}
    for kind in KINDS:
        _, one = next(inputs.chunks(kind, torch.zeros(1, dtype=torch.long), 1))
        with torch.enable_grad():
            value = embed(inputs.encoder, parametrization, kind, one, leaves).sum()
        parts = list(leaves.values())
        grads = torch.autograd.grad(value, parts, allow_unused=True) if value.requires_grad else [None] * len(parts)
        found[kind] = tuple(name for name, grad in zip(leaves, grads, strict=True) if grad is not None)
    return found


class _Embedding(nn.Module):
    """The encoder as a module whose forward embeds, so that its weights can be given as arguments."""

    def __init__(self, encoder: DualEncoder) -> None:
        super().__init__()
        self.model, self._encoder = encoder.module, encoder

    def forward(self, kind: str, inputs: Any) -> Tensor:
        tower = self._encoder.embed_images if kind == "image" else self._encoder.embed_texts
        return nn.functional.normalize(tower(inputs), dim=1)


@dataclass
class FeatureCache:
    """Unit features at one θ, filled as they are asked for."""

    values: dict[str, Tensor] = field(default_factory=dict)
    """`[rows, embed_dim]` by kind"""
    known: dict[str, Tensor] = field(default_factory=dict)
    """`[rows]`, bool"""


@dataclass(frozen=True)
class EncoderTowers:
    """Both towers at one θ; every feature map of a study is a view of the rows of one of these.

    Args:
        inputs: images and texts by row, and the encoder.
        parametrization: how parameters become weights.
        parameters: θ, by name; the temperature under the names of `Features` where it is studied.
        temperature: log logit scale and logit bias where they are not studied.
        read_by: the parameters that each tower reads; a tower that reads none is constant and costs no pass.
        chunk_size: most rows in memory at once.
        way: how directional derivatives are taken.
        cache: features that are known already.
    """

    inputs: Inputs
    parametrization: Parametrization
    parameters: Parameters
    temperature: Parameters
    read_by: dict[str, tuple[str, ...]]
    chunk_size: int
    way: DirectionalDerivative = WAYS["forward"]
    cache: FeatureCache = field(default_factory=FeatureCache, repr=False, compare=False)

    @property
    def subset(self) -> ParameterSubset:
        """The studied parameters in the order of the flat vector."""
        return ParameterSubset({name: tuple(part.shape) for name, part in self.parameters.items()})

    def moved(self, change: Tensor) -> EncoderTowers:
        """The towers at θ + `change`, `[parameters]`; nothing is computed yet."""
        parts = self.subset.unflatten(change[None])
        parameters = {name: part + parts[name][0] for name, part in self.parameters.items()}
        return replace(self, parameters=parameters, cache=FeatureCache())

    @torch.no_grad()
    def features(self, kind: str, rows: Tensor) -> Tensor:
        """Unit features at θ, `[rows, embed_dim]`; computed once per row."""
        cache, size = self.cache, len(self.inputs.images if kind == "image" else self.inputs.texts)
        rows = rows.to("cpu")
        known = cache.known.setdefault(kind, torch.zeros(size, dtype=torch.bool))
        missing = rows[~known[rows]].unique()
        if kind not in cache.values and not len(rows):  # the width is known from a first row only
            missing = torch.zeros(1, dtype=torch.long)

        def fill(part: slice, inputs: Any) -> None:
            fresh = self._embed(kind, inputs, self.parameters)
            if kind not in cache.values:  # as large as all chunks together: made once
                cache.values[kind] = fresh.new_zeros(size, fresh.shape[1])
            cache.values[kind][missing[part]] = fresh
            known[missing[part]] = True

        self.inputs.in_chunks_that_fit(kind, missing, self.chunk_size, fill)
        return cache.values[kind][rows]

    @torch.no_grad()
    def tangents(self, kind: str, rows: Tensor, directions: Parameters) -> Tensor:
        """Derivatives along directions `[queries, *shape]` by name: `[queries, rows, embed_dim]`."""
        names = self.read_by[kind]
        features = self.features(kind, rows)
        num_queries = len(next(iter(directions.values())))
        found = features.new_zeros(num_queries, *features.shape)
        moving = [query for query in range(num_queries) if any(bool(directions[name][query].any()) for name in names)]
        if not moving:  # a direction within the other tower costs no pass through this one
            return found
        start = {name: self.parameters[name] for name in names}

        def fill(part: slice, inputs: Any) -> None:
            for query in moving:
                direction = {name: directions[name][query] for name in names}
                found[query, part] = self.way.along(self._function(kind, inputs), start, direction)

        self.inputs.in_chunks_that_fit(kind, rows, self.chunk_size, fill)
        return found

    def pullback(self, kind: str, rows: Tensor, cotangents: Tensor) -> Parameters:
        """Gradients `[queries, *shape]` by name, of what has feature cotangents `[queries, rows, embed_dim]`."""
        names = self.read_by[kind]
        totals = {name: cotangents.new_zeros(len(cotangents), *self.parameters[name].shape) for name in names}

        def add(part: slice, inputs: Any) -> None:
            value, leaves = self._with_graph(kind, inputs)
            found = []  # all of a chunk before any is added: a chunk that does not fit leaves nothing behind
            for query, cotangent in enumerate(cotangents[:, part]):
                more = query + 1 < len(cotangents)
                found.append(torch.autograd.grad(value, leaves, cotangent, retain_graph=more, materialize_grads=True))
            _add_to(totals, names, found)

        if names:
            self.inputs.in_chunks_that_fit(kind, rows, self.chunk_size, add)
        return totals

    def features_and_pullback(self, kind: str, rows: Tensor) -> tuple[Tensor, Callable[[Tensor], Parameters]]:
        """Features, and the pullback at these rows: from one forward pass if they fit into a chunk, else from two."""
        names = self.read_by[kind]
        kept = whole_if_it_fits(len(rows), self.chunk_size, lambda: self._graph_of(kind, rows)) if names else None
        if kept is None:
            return self.features(kind, rows), partial(self.pullback, kind, rows)
        graph = [kept]

        def pull(cotangents: Tensor) -> Parameters:
            value, leaves = graph.pop()  # let go of before the rows come again in smaller chunks
            grads = whole_if_it_fits(
                len(rows),
                self.chunk_size,
                lambda: torch.autograd.grad(value, leaves, cotangents[0], materialize_grads=True),
            )
            if grads is None:
                del value
                return self.pullback(kind, rows, cotangents)
            return {name: grad[None] for name, grad in zip(names, grads, strict=True)}

        return kept[0].detach(), pull

    def pullback_tangents(self, kind: str, rows: Tensor, cotangents: Tensor, directions: Parameters) -> Parameters:
        """Derivatives of `pullback` along directions `[queries, *shape]` by name, by a reverse pass through it."""
        names = self.read_by[kind]
        totals = {name: torch.zeros_like(directions[name]) for name in names}

        def add(part: slice, inputs: Any) -> None:
            found = []
            with torch.enable_grad(), plain_attention():
                value, leaves = self._with_graph(kind, inputs)
                slopes = None
                for query in range(len(totals[names[0]])):
                    if slopes is None or len(cotangents) > 1:
                        cotangent = cotangents[query if len(cotangents) > 1 else 0, part]
                        slopes = torch.autograd.grad(
                            value, leaves, cotangent, create_graph=True, materialize_grads=True
                        )
                    along = sum((s * directions[n][query]).sum() for n, s in zip(names, slopes, strict=True))
                    found.append(torch.autograd.grad(along, leaves, retain_graph=True, materialize_grads=True))
            _add_to(totals, names, found)

        if names:
            self.inputs.in_chunks_that_fit(kind, rows, self.chunk_size, add)
        return totals

    def _graph_of(self, kind: str, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Unit features of all `rows` with their graph, and its leaves."""
        return self._with_graph(kind, next(self.inputs.chunks(kind, rows, len(rows)))[1])

    def _with_graph(self, kind: str, inputs: Any) -> tuple[Tensor, list[Tensor]]:
        leaves = [self.parameters[name].detach().requires_grad_() for name in self.read_by[kind]]
        with torch.enable_grad():
            return self._function(kind, inputs)(dict(zip(self.read_by[kind], leaves, strict=True))), leaves

    def _embed(self, kind: str, inputs: Any, parameters: Parameters) -> Tensor:
        return embed(self.inputs.encoder, self.parametrization, kind, inputs, parameters)

    def _function(self, kind: str, inputs: Any) -> Callable[[Parameters], Tensor]:
        """Unit features of one chunk as a function of the parameters that its tower reads."""
        return lambda parameters: self._embed(kind, inputs, {**self.parameters, **parameters})


def _add_to(totals: Parameters, names: tuple[str, ...], found: list[tuple[Tensor, ...]]) -> None:
    """Add what one chunk gave, by query and then by name."""
    for query, parts in enumerate(found):
        for name, part in zip(names, parts, strict=True):
            totals[name][query] += part


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
        still = directions.new_zeros(len(directions))
        return Features(
            self.towers.tangents("text", self.text_rows[texts.cpu()], parts),
            self.towers.tangents("image", self.image_rows[images.cpu()], parts),
            *(parts.get(name, still) for name in NAMES_OF_TEMPERATURE.values()),
        )

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


def temperature_of(module: nn.Module, like: Tensor) -> Parameters:
    """Log logit scale and logit bias (0 without one) of a model, under the names of `Features`."""
    parts = {own: getattr(module, name, None) for name, own in NAMES_OF_TEMPERATURE.items()}
    return {
        own: like.new_zeros(()) if part is None else part.detach().reshape(()).to(like) for own, part in parts.items()
    }
