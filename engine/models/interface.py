"""The one interface behind which every image–text model stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from engine.errors import ModelError

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Heads:
    """The two projections into the shared space, the temperature and the bias of the logits."""

    text: Tensor
    """`[embed_dim, text_dim]`"""
    image: Tensor
    """`[embed_dim, image_dim]`"""
    log_logit_scale: Tensor
    """`[]`, natural logarithm of the multiplier of the similarities"""
    text_bias: Tensor | None = None
    """`[embed_dim]` or None"""
    image_bias: Tensor | None = None
    """`[embed_dim]` or None"""
    logit_bias: Tensor | None = None
    """`[]` or None: what a sigmoid loss adds to every logit"""

    def to(self, device: torch.device, dtype: torch.dtype) -> Heads:
        """The same heads on `device` in `dtype`."""
        moved = {name: None if part is None else part.to(device, dtype) for name, part in self.named().items()}
        return Heads(**moved)

    def named(self) -> dict[str, Tensor | None]:
        """Every part by its name."""
        return {
            "text": self.text,
            "image": self.image,
            "log_logit_scale": self.log_logit_scale,
            "text_bias": self.text_bias,
            "image_bias": self.image_bias,
            "logit_bias": self.logit_bias,
        }


class DualEncoder(Protocol):
    """An image tower and a text tower that end in linear heads.

    "Penultimate" features are what the heads read; a tower without a linear head has an identity head.
    Nothing here switches gradients on or off, and nothing normalises: the caller does.
    """

    name: str
    module: nn.Module
    """the whole model; its parameter names are the ones that `--tier REGEX` sees"""
    max_tokens: int
    """the most tokens the text tower reads of a text, the marks of its beginning and end included"""
    notes: tuple[str, ...]
    """Sentences the record should keep (for example that a tower has no linear head)."""

    @property
    def heads(self) -> Heads:
        """The projections and the temperature as they are in `module` now, detached."""

    def prepare_images(self, images: list[Image.Image]) -> Tensor:
        """Pixel tensor `[images, channels, height, width]` of RGB images."""

    def prepare_texts(self, texts: list[str]) -> tuple[dict[str, Tensor], int]:
        """Token tensors with leading axis `[texts]`, and how many texts were too long and cut."""

    def penultimate_images(self, pixels: Tensor) -> Tensor:
        """What the image head reads, `[images, image_dim]`."""

    def penultimate_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text head reads, `[texts, text_dim]`."""

    def embed_images(self, pixels: Tensor) -> Tensor:
        """What the image head gives, before normalising, `[images, embed_dim]`."""

    def embed_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text head gives, before normalising, `[texts, embed_dim]`."""

    def weights_of(self, heads: Heads) -> dict[str, Tensor]:
        """The parameters of `module` that these heads are, by name.

        Raises:
            ModelError: if a tower has no linear head that could hold them.
        """

    def save(self, folder: Path) -> None:
        """Write the model with its present weights to a new folder that `--model` reads; safetensors only."""


def identity_head(dimension: int) -> Tensor:
    """The head of a tower that has none: `[dimension, dimension]`."""
    return torch.eye(dimension)


def check_heads_can_be_held(notes: tuple[str, ...]) -> None:
    """Refuse to put heads into a model one of whose towers ends without one.

    Raises:
        ModelError: if there is such a tower.
    """
    if any("no linear projection" in note for note in notes):
        raise ModelError(
            "a model whose towers both end in a linear projection",
            notes[0],
            "Use another model: studied heads of this one cannot be saved.",
        )
