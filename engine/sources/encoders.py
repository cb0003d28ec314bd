"""Tiers `lora`, `all` and regular expressions: feature maps through the full encoders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from engine.config import RunConfig
from engine.directional import EncoderFeatureMap, EncoderTowers
from engine.directional.derivatives import DerivativeCheck, DirectionalDerivative, choose_way
from engine.directional.encoders import (
    KINDS,
    NAMES_OF_TEMPERATURE,
    FeatureCache,
    parameters_read_by,
    temperature_of,
)
from engine.errors import ConfigError, ModelError
from engine.inputs import EncoderInputs
from engine.models import load_model, model_hash, split_spec
from engine.models.interface import DualEncoder
from engine.models.lora import LoraAdapter, load_adapter
from engine.models.precision import HALVES, weights_dtype
from engine.models.weights import weights_in_place
from engine.tiers import LoraWeights, Parametrization, parametrization

ROWS_TO_CHECK = 4
DIRECTIONS_TO_CHECK = 2
"""the second one reads what the first has kept"""


@dataclass(frozen=True)
class EncoderSource:
    """The towers of a run: image rows are pairs, text rows are captions and then prompts."""

    towers: EncoderTowers
    num_pairs: int
    num_prompts: int
    check: DerivativeCheck
    """which derivative was chosen and why"""

    @property
    def theta(self) -> Tensor:
        """The studied parameters, `[parameters]`."""
        return self.towers.subset.flatten({name: part[None] for name, part in self.towers.parameters.items()})[0]

    @property
    def record(self) -> dict[str, Any]:
        """The chosen derivative, how it agreed, and a sentence."""
        return {
            "way": self.check.way.name,
            "disagreement": self.check.disagreement,
            "reason": self.check.reason,
            "towers": [kind for kind in KINDS if self.towers.read_by[kind]],
        }

    def pairs(self, positions: Tensor) -> EncoderFeatureMap:
        """Features of the pairs at these positions."""
        return EncoderFeatureMap(self.towers, positions, positions)

    def zero_shot(self, positions: Tensor) -> EncoderFeatureMap:
        """Texts are the prompts."""
        return EncoderFeatureMap(self.towers, self.num_pairs + torch.arange(self.num_prompts), positions)

    def moved(self, change: Tensor) -> EncoderSource:
        """The same with other parameters; features are computed anew when asked for."""
        return replace(self, towers=self.towers.moved(change))

    def save(self, folder: Path) -> None:
        """Write the adapter, or the whole model with its changed weights.

        Raises:
            ConfigError: if the temperature was studied beside an adapter, which has no place for it.
        """
        save_towers(self.towers, folder)


def save_towers(towers: EncoderTowers, folder: Path) -> None:
    """Write the adapter, or the whole model, with the weights that the parameters of `towers` say.

    Raises:
        ConfigError: if the temperature was studied beside an adapter, which has no place for it.
    """
    encoder, chosen = towers.inputs.encoder, towers.parametrization
    known = {**towers.temperature, **towers.parameters}
    parameters = {name: known[name] for name in chosen.start}
    if isinstance(chosen, LoraWeights):
        if len(parameters) < len(towers.parameters):
            raise ConfigError(
                "a run without --log-logit-scale",
                "a changed temperature",
                "Use a run without it: an adapter cannot hold the temperature.",
            )
        chosen.adapter.with_tensors(parameters).save(folder)
        return
    changed = chosen.weights(parameters)
    changed |= {name: known[own] for name, own in NAMES_OF_TEMPERATURE.items()}
    with weights_in_place(encoder.module, changed):
        encoder.save(folder)


def load_encoder_source(
    config: RunConfig, pairs: pd.DataFrame, prompts: list[str], known: dict[str, Tensor], device: torch.device
) -> EncoderSource:
    """The towers that a run studies.

    Args:
        config: model, adapter, tier, dtype, derivative.
        pairs: the pairs table, all splits, in pair_index order.
        prompts: class by class.
        known: unit features at θ̂ that a step before has computed, by kind: `[rows, embed_dim]`.
        device: where the encoders run.

    Raises:
        ModelError: if model or adapter cannot be read, or no derivative is right.
        ConfigError: if the tier names no parameter.
    """
    encoder, adapter = load_encoder(
        config.model,
        model_hash(config.model, config.adapter),
        config.adapter,
        config.tier == "lora",
        device,
        config.dtype,
    )
    chosen = parametrization(config.tier, encoder, adapter)
    images = list(zip(pairs["images"].astype(str), pairs["image"].astype(str), strict=True))
    inputs = EncoderInputs(encoder, images, [*pairs["caption"].tolist(), *prompts])
    known_rows = {kind: torch.ones(len(part), dtype=torch.bool) for kind, part in known.items()}
    towers = replace(towers_at_start(config, inputs, chosen, device), cache=FeatureCache(known, known_rows))
    check = _check_derivatives(towers, config)
    return EncoderSource(replace(towers, way=check.way), len(pairs), len(prompts), check)


def towers_at_start(
    config: RunConfig, inputs: EncoderInputs, chosen: Parametrization, device: torch.device
) -> EncoderTowers:
    """The towers at the stored weights, with the temperature among the parameters where it is studied.

    Raises:
        ConfigError: if no tower reads any of the parameters.
    """
    module = inputs.encoder.module
    like = torch.zeros((), device=device, dtype=weights_dtype(getattr(torch, config.dtype)))
    temperature, parameters = temperature_of(module, like), dict(chosen.start)
    if config.log_logit_scale:
        has_bias = getattr(module, "logit_bias", None) is not None
        parameters |= {name: part for name, part in temperature.items() if has_bias or name != "logit_bias"}
    read_by = parameters_read_by(inputs, chosen)
    if not any(read_by.values()):
        raise ConfigError("a --tier that the towers read", repr(config.tier), "Name other parameters.")
    return EncoderTowers(inputs, chosen, parameters, temperature, read_by, config.chunk_size)


@lru_cache(maxsize=1)
def load_encoder(
    spec: str, _hash: str, adapter: str | None, apart: bool, device: torch.device, dtype: str
) -> tuple[DualEncoder, LoraAdapter | None]:
    """A model with its adapter: `apart` from its weights, or merged into them; the last one is kept in memory.

    Raises:
        ModelError: if model or adapter cannot be read, or the model is a folder of features.
    """
    if split_spec(spec)[0] == "embeddings":
        raise ModelError(
            "a model with encoders", f"given features ({spec})", "Use --tier heads, which needs no encoder."
        )
    encoder = load_model(spec, device, getattr(torch, dtype))
    if adapter is None:
        return encoder, None
    found = load_adapter(adapter, encoder.module)
    if apart:
        return encoder, found
    parameters = dict(encoder.module.named_parameters())
    with torch.no_grad():
        for name, weight in found.merged(found.tensors, parameters).items():
            parameters[name].copy_(weight)
    return encoder, None


def _check_derivatives(towers: EncoderTowers, config: RunConfig) -> DerivativeCheck:
    generator = torch.Generator().manual_seed(config.seed)
    rows = {
        kind: torch.arange(min(ROWS_TO_CHECK, len(towers.inputs.images if kind == "image" else towers.inputs.texts)))
        for kind in KINDS
        if towers.read_by[kind]
    }
    direction = {
        name: torch.randn(DIRECTIONS_TO_CHECK, *part.shape, generator=generator, dtype=torch.float64).to(part)
        for name, part in towers.parameters.items()
    }

    def tangents(way: DirectionalDerivative) -> list[Tensor]:
        return [replace(towers, way=way).tangents(kind, some, direction) for kind, some in rows.items()]

    def transpose(cotangents: list[Tensor]) -> Tensor:
        found = []
        for (kind, some), cotangent in zip(rows.items(), cotangents, strict=True):
            gradient = towers.pullback(kind, some, cotangent)
            found.append(sum((gradient[name] * direction[name]).sum() for name in gradient))
        return torch.stack(found)

    dtype = next(iter(towers.parameters.values())).dtype
    return choose_way(config.derivative, tangents, transpose, dtype, getattr(torch, config.dtype) in HALVES)
