"""What is measured on: a model with a fresh adapter, and pictures and captions of noise made in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.batches import BatchSegmentation, consecutive_batches
from engine.config import RunConfig
from engine.directional import EncoderFeatureMap, EncoderTowers, HeadsFeatureMap
from engine.directional.derivatives import WAYS
from engine.directional.encoders import parameters_read_by, temperature_of
from engine.inputs import Inputs
from engine.models.interface import DualEncoder
from engine.models.lora import load_adapter, new_adapter
from engine.sources import load_encoder
from engine.tiers import parametrization

WORDS = ("a", "the", "red", "green", "small", "large", "old", "cat", "dog", "boat", "tree", "house", "under", "near")
CAPTION_WORDS = 8
LAYERS = ("q_proj", "v_proj", "fc1", "fc2", "attn", "c_fc", "c_proj")
"""attention and MLP layers of transformers and open_clip models"""
RANK = 8
PICTURES = 64
"""different pictures; more pairs repeat them, so that memory tells of the passes and not of the noise"""


@dataclass(frozen=True)
class HeldInputs(Inputs):
    """Pairs that were prepared once and are held in memory, so that no time goes into reading."""

    encoder: DualEncoder
    pixels: Tensor
    """`[pictures, channels, height, width]`; row r shows picture r modulo their number"""
    tokens: dict[str, Tensor]
    """what the encoder makes of all texts, each `[texts, …]`"""

    @property
    def texts(self) -> range:
        """One row per text."""
        return range(len(next(iter(self.tokens.values()))))

    @property
    def images(self) -> range:
        """One row per image; as many as texts."""
        return self.texts

    def chunks(self, kind: str, rows: Tensor, chunk_size: int) -> Iterator[tuple[slice, Any]]:
        """As `Inputs.chunks`."""
        for first in range(0, len(rows), chunk_size):
            part = slice(first, min(first + chunk_size, len(rows)))
            some = rows[part].to(self.pixels.device)
            if kind == "image":
                yield part, self.pixels[some % len(self.pixels)]
            else:
                yield part, {name: tokens[some] for name, tokens in self.tokens.items()}


@dataclass(frozen=True)
class Setting:
    """Everything a measurement needs."""

    config: RunConfig
    encoder: DualEncoder
    inputs: HeldInputs
    segmentation: BatchSegmentation

    @property
    def pairs(self) -> Tensor:
        """All pairs, `[pairs]`."""
        return torch.arange(self.segmentation.num_pairs)

    def towers(self, tier: str, way: str = "forward") -> EncoderTowers:
        """The towers with the parameters of a tier studied; features are not known yet."""
        encoder, adapter = self.encoder, None
        if tier == "lora":
            if self.config.adapter:
                adapter = load_adapter(self.config.adapter, encoder.module)
            else:
                adapter = _noisy_adapter(encoder, self.config.seed)
        chosen = parametrization(tier, encoder, adapter)
        like = torch.zeros((), device=self.inputs.pixels.device, dtype=self.inputs.pixels.dtype)
        return EncoderTowers(
            self.inputs,
            chosen,
            dict(chosen.start),
            temperature_of(encoder.module, like),
            parameters_read_by(self.inputs, chosen),
            self.config.chunk_size,
            WAYS[way],
        )

    def feature_map(self, tier: str, way: str = "forward") -> EncoderFeatureMap:
        """The feature map of all pairs."""
        return EncoderFeatureMap(self.towers(tier, way), self.pairs, self.pairs)

    @torch.no_grad()
    def heads_map(self, rows: Tensor | None = None) -> HeadsFeatureMap:
        """Cached penultimate features of all pairs, or of these rows of the inputs."""
        rows = self.pairs if rows is None else rows
        parts: dict[str, list[Tensor]] = {"image": [], "text": []}
        for kind, found in parts.items():
            tower = self.encoder.penultimate_images if kind == "image" else self.encoder.penultimate_texts
            found += [tower(chunk) for _, chunk in self.inputs.chunks(kind, rows, self.config.chunk_size)]
        return HeadsFeatureMap(
            self.encoder.heads, torch.cat(parts["text"]), torch.cat(parts["image"]), False, self.config.chunk_size
        )


def setting(config: RunConfig, num_pairs: int, device: torch.device) -> Setting:
    """A model and `num_pairs` pairs of noise in batches of `config.batch_size`.

    Raises:
        ModelError: if the model cannot be read.
    """
    encoder, _ = load_encoder(config.model, "benchmark", None, False, device, config.dtype)
    generator = np.random.default_rng(config.seed)
    size = (224, 224, 3)
    one = encoder.prepare_images([Image.fromarray(generator.integers(0, 256, size, dtype=np.uint8))])
    noise = torch.Generator().manual_seed(config.seed)
    pixels = torch.randn(min(num_pairs, PICTURES), *one.shape[1:], generator=noise).to(one)
    texts = [" ".join(generator.choice(WORDS, CAPTION_WORDS)) for _ in range(num_pairs)]
    segmentation = BatchSegmentation(tuple(consecutive_batches(num_pairs, config.batch_size)), num_pairs)
    tokens, _ = encoder.prepare_texts(texts)
    return Setting(config, encoder, HeldInputs(encoder, pixels, tokens), segmentation)


def _noisy_adapter(encoder: DualEncoder, seed: int) -> Any:
    """An adapter whose B is not zero, as after training."""
    adapter = new_adapter(encoder.module, RANK, 2.0 * RANK, LAYERS, seed)
    generator = torch.Generator().manual_seed(seed)
    moved = {
        name: part + 0.01 * torch.randn(part.shape, generator=generator).to(part)
        for name, part in adapter.tensors.items()
    }
    return replace(adapter, tensors=moved)
