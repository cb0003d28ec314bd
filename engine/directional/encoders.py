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
from torch.autograd import forward_ad
from torch.func import functional_call

from engine.directional.derivatives import WAYS, DirectionalDerivative, Function, Parameters, plain_attention
from engine.directional.rules import derivative_rules
from engine.directional.tape import Site, Tape
from engine.errors import ModelError
from engine.inputs import Inputs
from engine.memory import whole_if_it_fits
from engine.models.interface import DualEncoder
from engine.parameters import ParameterSubset
from engine.tiers import Parametrization

KINDS = ("image", "text")
NAMES_OF_TEMPERATURE = {"logit_scale": "log_logit_scale", "logit_bias": "logit_bias"}
Graph = tuple[Tensor, list[Tensor]]
"""unit features that remember how they were made, and the parameters at which"""


def embed(
    encoder: DualEncoder,
    parametrization: Parametrization,
    kind: str,
    inputs: Any,
    parameters: Parameters,
    tape: Tape | None = None,
) -> Tensor:
    """Unit features of prepared `inputs` with these parameters, `[rows, embed_dim]`; differentiable.

    What `tape` holds of an earlier call of the same inputs and parameters is not computed again.
    """
    studied = {name: part for name, part in parameters.items() if name not in NAMES_OF_TEMPERATURE.values()}
    parts = [forward_ad.unpack_dual(part) for part in studied.values()]
    if not any(primal.requires_grad or tangent is not None for primal, tangent in parts):
        return _embed(encoder, kind, inputs, parametrization.weights(studied))
    weights, changes = parametrization.applied(studied, (Site() if tape is None else tape.weights).keep)
    with derivative_rules(changes, tape):
        return _embed(encoder, kind, inputs, weights)


def _embed(encoder: DualEncoder, kind: str, inputs: Any, weights: Parameters) -> Tensor:
    given = {f"model.{name}": part for name, part in weights.items()}
    return functional_call(_Embedding(encoder), given, (kind, inputs))


def parameters_read_by(inputs: Inputs, parametrization: Parametrization) -> dict[str, tuple[str, ...]]:
    """The parameters that each tower reads, by kind, found by reverse passes over one row of each.

    Raises:
        ModelError: if the passes that follow changes of low rank lose one, because no linear layer reads its weight.
    """
    found = {}
    leaves = {name: part.detach().requires_grad_() for name, part in parametrization.start.items()}
    for kind in KINDS:
        _, one = next(inputs.chunks(kind, torch.zeros(1, dtype=torch.long), 1))
        with torch.enable_grad():
            whole = _gradients(_embed(inputs.encoder, kind, one, parametrization.weights(leaves)), leaves)
            followed = _gradients(embed(inputs.encoder, parametrization, kind, one, leaves), leaves)
        least = 1e-3 * max((grad.norm() for grad in whole.values()), default=0)
        for name, grad in whole.items():
            if grad.norm() > least and (name not in followed or followed[name].norm() < 0.5 * grad.norm()):
                raise ModelError(
                    "an adapter on linear layers",
                    f"{name}, whose weight the {kind} tower reads in another way",
                    "Train the adapter without it, or merge the adapter and use --tier with a regular expression.",
                )
        found[kind] = tuple(whole)
    return found


def _gradients(value: Tensor, leaves: Parameters) -> Parameters:
    """Gradients of the sum of `value`, for the leaves that it depends on."""
    if not value.requires_grad:
        return {}
    grads = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True)
    return {name: grad for name, grad in zip(leaves, grads, strict=True) if grad is not None}


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

    def tangents(self, kind: str, rows: Tensor, directions: Parameters) -> Tensor:
        """Derivatives along directions `[queries, *shape]` by name: `[queries, rows, embed_dim]`."""
        features, moving = self.features(kind, rows), self._moving(kind, directions)
        found = features.new_zeros(len(next(iter(directions.values()))), *features.shape)

        def fill(part: slice, inputs: Any) -> None:
            self._fill_tangents(found[:, part], kind, inputs, directions, moving)

        if moving:  # a direction within the other tower costs no pass through this one
            self.inputs.in_chunks_that_fit(kind, rows, self.chunk_size, fill)
        return found

    def pullback(self, kind: str, rows: Tensor, cotangents: Tensor) -> Parameters:
        """Gradients `[queries, *shape]` by name, of what has feature cotangents `[queries, rows, embed_dim]`."""
        names = self.read_by[kind]
        totals = {name: cotangents.new_zeros(len(cotangents), *self.parameters[name].shape) for name in names}

        def add(part: slice, inputs: Any) -> None:
            # all of a chunk before any is added: a chunk that does not fit leaves nothing behind
            _add_to(totals, names, _pulled_back(*self._with_graph(kind, inputs), cotangents[:, part]))

        if names:
            self.inputs.in_chunks_that_fit(kind, rows, self.chunk_size, add)
        return totals

    def features_and_pullback(self, kind: str, rows: Tensor) -> tuple[Tensor, Callable[[Tensor], Parameters]]:
        """Features, and the pullback at these rows: from one forward pass if they fit into a chunk, else from two."""

        def work() -> Graph:
            return self._with_graph(kind, next(self.inputs.chunks(kind, rows, len(rows)))[1])

        graph = whole_if_it_fits(len(rows), self.chunk_size, work) if self.read_by[kind] else None
        if graph is None:
            return self.features(kind, rows), partial(self.pullback, kind, rows)
        return graph[0].detach(), self._pullback_through(graph, kind, rows)

    def tangents_and_pullback(
        self, kind: str, rows: Tensor, directions: Parameters
    ) -> tuple[Tensor, Callable[[Tensor], Parameters]]:
        """`tangents`, and the pullback at these rows: all from one forward pass if they fit into a chunk."""

        def together() -> tuple[Tensor, Graph]:
            _, inputs = next(self.inputs.chunks(kind, rows, len(rows)))
            tape = Tape()
            graph = self._with_graph(kind, inputs, tape)
            value = graph[0].detach()
            found = value.new_zeros(len(next(iter(directions.values()))), *value.shape)
            self._fill_tangents(found, kind, inputs, directions, self._moving(kind, directions), tape)
            return found, graph

        known = whole_if_it_fits(len(rows), self.chunk_size, together) if self.read_by[kind] else None
        if known is None:
            return self.tangents(kind, rows, directions), partial(self.pullback, kind, rows)
        return known[0], self._pullback_through(known[1], kind, rows)

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

    def _moving(self, kind: str, directions: Parameters) -> list[int]:
        """The directions in which this tower moves at all."""
        names = self.read_by[kind]
        count = len(next(iter(directions.values())))
        return [query for query in range(count) if any(bool(directions[name][query].any()) for name in names)]

    @torch.no_grad()
    def _fill_tangents(
        self,
        found: Tensor,
        kind: str,
        inputs: Any,
        directions: Parameters,
        moving: list[int],
        tape: Tape | None = None,
    ) -> None:
        """Write the derivatives of one chunk along the `moving` directions into `found`, `[queries, rows, dim]`."""
        names = self.read_by[kind]
        start = {name: self.parameters[name] for name in names}
        chosen = {name: directions[name][moving] for name in names}
        along = self.way.along(self._function(kind, inputs), start, chosen, tape)
        for query, tangent in zip(moving, along, strict=True):
            found[query] = tangent

    def _pullback_through(self, graph: Graph, kind: str, rows: Tensor) -> Callable[[Tensor], Parameters]:
        """The pullback through the graph of all `rows`, to be called once; chunk by chunk if that does not fit."""
        names, kept = self.read_by[kind], [graph]

        def pull(cotangents: Tensor) -> Parameters:
            value, leaves = kept.pop()  # let go of before the rows come again in smaller chunks
            grads = whole_if_it_fits(len(rows), self.chunk_size, lambda: _pulled_back(value, leaves, cotangents))
            if grads is None:
                del value
                return self.pullback(kind, rows, cotangents)
            return {name: torch.stack(parts) for name, parts in zip(names, zip(*grads, strict=True), strict=True)}

        return pull

    def _with_graph(self, kind: str, inputs: Any, tape: Tape | None = None) -> Graph:
        """Unit features of one chunk with their graph, and the leaves of the parameters that the tower reads."""
        leaves = [self.parameters[name].detach().requires_grad_() for name in self.read_by[kind]]
        with torch.enable_grad():
            return self._function(kind, inputs)(dict(zip(self.read_by[kind], leaves, strict=True)), tape), leaves

    def _embed(self, kind: str, inputs: Any, parameters: Parameters, tape: Tape | None = None) -> Tensor:
        return embed(self.inputs.encoder, self.parametrization, kind, inputs, parameters, tape)

    def _function(self, kind: str, inputs: Any) -> Function:
        """Unit features of one chunk as a function of the parameters that its tower reads."""
        return lambda parameters, tape: self._embed(kind, inputs, {**self.parameters, **parameters}, tape)


def _pulled_back(value: Tensor, leaves: list[Tensor], cotangents: Tensor) -> list[tuple[Tensor, ...]]:
    """Gradients of the leaves for each of the `cotangents`, `[queries, rows, dim]`; the graph is used up."""
    found = []
    for query, cotangent in enumerate(cotangents):
        more = query + 1 < len(cotangents)
        found.append(torch.autograd.grad(value, leaves, cotangent, retain_graph=more, materialize_grads=True))
    return found


def _add_to(totals: Parameters, names: tuple[str, ...], found: list[tuple[Tensor, ...]]) -> None:
    """Add what one chunk gave, by query and then by name."""
    for query, parts in enumerate(found):
        for name, part in zip(names, parts, strict=True):
            totals[name][query] += part


def temperature_of(module: nn.Module, like: Tensor) -> Parameters:
    """Log logit scale and logit bias (0 without one) of a model, under the names of `Features`."""
    parts = {own: getattr(module, name, None) for name, own in NAMES_OF_TEMPERATURE.items()}
    return {
        own: like.new_zeros(()) if part is None else part.detach().reshape(()).to(like) for own, part in parts.items()
    }
