"""What a training moves: heads on cached penultimate features, or weights inside the full encoders.

A batch larger than a chunk takes two passes (GradCache, Gao et al. 2021): features of all rows without a graph, the
gradient of the loss in these features, then every chunk again with the cotangents of its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor, nn

from engine.contrastive import ContrastiveLoss
from engine.directional import EncoderTowers, Features, logits_of
from engine.directional.encoders import KINDS, embed
from engine.errors import ModelError
from engine.finetune.recipe import Recipe
from engine.inputs import EncoderInputs
from engine.memory import whole_if_it_fits
from engine.models import model_hash
from engine.models.interface import DualEncoder
from engine.models.lora import LoraAdapter, new_adapter
from engine.sources import HeadsSource, load_encoder
from engine.sources.encoders import save_towers, towers_at_start
from engine.study import device_of
from engine.tiers import parametrization

Parameters = dict[str, Tensor]
Report = Callable[[int, int], None]
HEAD_FIELDS = {
    "text_head": "text",
    "image_head": "image",
    "log_logit_scale": "log_logit_scale",
    "logit_bias": "logit_bias",
}
BLOCKS = ("attn", "self_attn", "attention", "mlp")


class Learner(Protocol):
    """Parameters and what a batch says of them; nothing is changed in place."""

    start: Parameters
    """θ_start by name"""

    def features(self, parameters: Parameters, rows: Tensor) -> Features:
        """Unit features of the pairs in these rows, without a graph."""

    def gradient(
        self, parameters: Parameters, rows: Tensor, loss: ContrastiveLoss, factor: Tensor
    ) -> tuple[Tensor, Parameters]:
        """Σ pair losses of the batch, `[]` in nats, and the gradient of `factor` times it, by name."""

    def save(self, parameters: Parameters, folder: Path) -> None:
        """Write the model (or adapter) with these parameters to a new folder."""


@dataclass(frozen=True)
class HeadsLearner:
    """The two projections (and the temperature) on penultimate features of all rows."""

    source: HeadsSource

    @property
    def start(self) -> Parameters:
        """Text head and image head; the temperature and the bias, if any, where they are trained."""
        named = {name: getattr(self.source.heads, own) for name, own in HEAD_FIELDS.items()}
        names = list(HEAD_FIELDS) if self.source.log_logit_scale else ["text_head", "image_head"]
        return {name: named[name] for name in names if named[name] is not None}

    @torch.no_grad()
    def features(self, parameters: Parameters, rows: Tensor) -> Features:
        """Unit features of the pairs in these rows, without a graph."""
        return self._features(parameters, rows)

    def gradient(
        self, parameters: Parameters, rows: Tensor, loss: ContrastiveLoss, factor: Tensor
    ) -> tuple[Tensor, Parameters]:
        """Σ pair losses and the gradient of `factor` times it; heads are small, so one pass does."""
        return _by_autograd(parameters, loss, factor, lambda leaves: self._features(leaves, rows))

    def save(self, parameters: Parameters, folder: Path) -> None:
        """Write the whole model with these heads."""
        self._at(parameters).save(folder)

    def _features(self, parameters: Parameters, rows: Tensor) -> Features:
        everyone = torch.arange(len(rows))
        return self._at(parameters).pairs(rows).features(everyone, everyone)

    def _at(self, parameters: Parameters) -> HeadsSource:
        parts = {HEAD_FIELDS[name]: part for name, part in parameters.items()}
        return replace(self.source, heads=replace(self.source.heads, **parts))


@dataclass(frozen=True)
class EncoderLearner:
    """Weights inside the encoders, or an adapter's matrices."""

    towers: EncoderTowers
    """at the start; its cache serves a tower that reads no parameter"""

    @property
    def start(self) -> Parameters:
        """θ_start by name; the temperature under the names of `Features`."""
        return self.towers.parameters

    @torch.no_grad()
    def features(self, parameters: Parameters, rows: Tensor) -> Features:
        """Unit features of the pairs in these rows, without a graph."""
        towers, found = self.towers, {}
        for kind in KINDS:
            if not towers.read_by[kind]:
                found[kind] = towers.features(kind, rows)
                continue
            parts = []

            def add(part: slice, inputs: Any, kind: str = kind, parts: list[Tensor] = parts) -> None:
                parts.append(embed(towers.inputs.encoder, towers.parametrization, kind, inputs, parameters))

            towers.inputs.in_chunks_that_fit(kind, rows, towers.chunk_size, add)
            found[kind] = torch.cat(parts)
        return self._as_features(found, parameters)

    def gradient(
        self, parameters: Parameters, rows: Tensor, loss: ContrastiveLoss, factor: Tensor
    ) -> tuple[Tensor, Parameters]:
        """Σ pair losses and the gradient of `factor` times it; two passes where the batch is larger than a chunk."""
        at_once = whole_if_it_fits(
            len(rows),
            self.towers.chunk_size,
            lambda: _by_autograd(parameters, loss, factor, lambda leaves: self._with_graph(leaves, rows)),
        )
        if at_once is not None:
            return at_once
        known = self.features(parameters, rows)
        parts = {"text": known.text, "image": known.image}
        parts |= {"log_logit_scale": known.log_logit_scale, "logit_bias": known.logit_bias}
        total, cotangents = _by_autograd(parts, loss, factor, lambda leaves: Features(**leaves))
        found = {name: torch.zeros_like(part) for name, part in parameters.items()}
        towers = replace(self.towers, parameters={name: part.detach() for name, part in parameters.items()})
        for kind in KINDS:
            for name, part in towers.pullback(kind, rows, cotangents[kind][None]).items():
                found[name] += part[0]
        return total, found | {name: part for name, part in cotangents.items() if name in parameters}

    def save(self, parameters: Parameters, folder: Path) -> None:
        """Write the adapter, or the whole model with these weights."""
        save_towers(replace(self.towers, parameters=parameters), folder)

    def _with_graph(self, parameters: Parameters, rows: Tensor) -> Features:
        towers, found = self.towers, {}
        for kind in KINDS:
            if not towers.read_by[kind]:
                found[kind] = towers.features(kind, rows)
                continue
            _, inputs = next(towers.inputs.chunks(kind, rows, len(rows)))
            found[kind] = embed(towers.inputs.encoder, towers.parametrization, kind, inputs, parameters)
        return self._as_features(found, parameters)

    def _as_features(self, found: dict[str, Tensor], parameters: Parameters) -> Features:
        known = {**self.towers.temperature, **parameters}
        return Features(found["text"], found["image"], known["log_logit_scale"], known["logit_bias"])


def load_learner(recipe: Recipe, pairs: pd.DataFrame, report: Report) -> tuple[Learner, DualEncoder]:
    """What the recipe trains, at its start, and the encoder behind it.

    Args:
        recipe: model, adapter, tier, dtype, chunk size, seed of a new adapter.
        pairs: the pairs that rows number, all splits in use.
        report: called with (done, total) images where features are cached.

    Raises:
        ModelError: if model or adapter cannot be read, or the tier is heads and a tower has none.
        ConfigError: if the tier names no parameter that a tower reads.
    """
    config, device = recipe.shared, device_of(recipe.shared)
    lora = recipe.tier == "lora"
    encoder, adapter = load_encoder(
        config.model, model_hash(config.model, config.adapter), config.adapter, lora, device, config.dtype
    )
    images = list(zip(pairs["images"].astype(str), pairs["image"].astype(str), strict=True))
    inputs = EncoderInputs(encoder, images, pairs["caption"].tolist())
    if recipe.tier == "heads":
        encoder.weights_of(encoder.heads)  # refused now, not after the training
        return HeadsLearner(_cached_heads(recipe, encoder, inputs, report)), encoder
    if lora and adapter is None:
        adapter = _fresh_adapter(recipe, encoder.module)
    chosen = parametrization(recipe.tier, encoder, adapter)
    return EncoderLearner(towers_at_start(config, inputs, chosen, device)), encoder


def attention_and_mlp(module: nn.Module) -> tuple[str, ...]:
    """Endings of the names of the layers inside attention and MLP blocks (of transformers, open_clip and timm)."""
    found = set()
    for name, part in module.named_modules():
        path = name.split(".")
        if isinstance(part, nn.MultiheadAttention) and part.in_proj_weight is not None:
            found.add(path[-1])
        # Not the output layer of a fused attention (a subclass): peft 0.21 adds the change of that layer twice, so
        # an adapter of it would give other features there than W + scaling · B A.
        elif type(part) is nn.Linear and set(path[:-1]) & set(BLOCKS):
            found.add(".".join(path[-2:]))
    return tuple(sorted(found))


def _fresh_adapter(recipe: Recipe, module: nn.Module) -> LoraAdapter:
    targets = recipe.targets or attention_and_mlp(module)
    if not targets:
        raise ModelError(
            "attention and MLP layers to adapt", "none found by their names", "Name layers with --targets."
        )
    return new_adapter(module, recipe.rank, recipe.alpha_in_force, targets, recipe.seed)


@torch.no_grad()
def _cached_heads(recipe: Recipe, encoder: DualEncoder, inputs: EncoderInputs, report: Report) -> HeadsSource:
    rows, found = torch.arange(len(inputs.images)), {}
    for kind, tower in (("text", encoder.penultimate_texts), ("image", encoder.penultimate_images)):
        parts = []

        def add(part: slice, prepared: Any, kind: str = kind, tower: Any = tower, parts: list = parts) -> None:
            features = tower(prepared)
            if kind == "image":
                report(part.stop, len(rows))
            parts.append(features)  # last: a chunk that fails leaves nothing behind

        inputs.in_chunks_that_fit(kind, rows, recipe.chunk_size, add)
        found[kind] = torch.cat(parts)
    return HeadsSource(
        recipe.model, encoder.heads, found["image"], found["text"], found["text"][:0],
        recipe.log_logit_scale, recipe.chunk_size, recipe.adapter,
    )  # fmt: skip


def _by_autograd(
    parts: Parameters, loss: ContrastiveLoss, factor: Tensor, features_of: Callable[[Parameters], Features]
) -> tuple[Tensor, Parameters]:
    leaves = {name: part.detach().requires_grad_() for name, part in parts.items()}
    with torch.enable_grad():
        total = loss.pair_losses(logits_of(features_of(leaves))).sum()
    grads = torch.autograd.grad(total * factor, list(leaves.values()), materialize_grads=True)
    return total.detach(), dict(zip(leaves, grads, strict=True))
