"""CLIP-style dual encoders of Hugging Face transformers, from a local folder or the local cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.interface import Heads, check_heads_can_be_held, identity_head
from engine.models.precision import autocast, weights_dtype

if TYPE_CHECKING:
    from PIL import Image


class TransformersDualEncoder:
    """A transformers model with `vision_model`, `text_model` and (optionally) linear projections.

    Args:
        source: folder, or a name in the local cache.
        device: where it runs.
        dtype: the dtype of its weights and features; a half precision leaves both in float32 and is that of the
            products inside.

    Raises:
        ModelError: if the folder is no dual encoder or its weights cannot be read.
    """

    def __init__(self, source: str, device: torch.device, dtype: torch.dtype) -> None:
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

        try:
            model = AutoModel.from_pretrained(source, use_safetensors=True, trust_remote_code=False)
            self._images = AutoImageProcessor.from_pretrained(source)
            self._tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                "a transformers CLIP-style model with safetensors weights, tokenizer and image processor",
                f"{source} ({_first_line(error)})",
                "Give a folder written by save_pretrained, or download the model while online first.",
            ) from error
        if not (hasattr(model, "vision_model") and hasattr(model, "text_model")):
            raise ModelError(
                "a model with an image and a text tower",
                f"{type(model).__name__} in {source}",
                "Use a CLIP-style dual encoder.",
            )
        if len(self._tokenizer) <= len(set(self._tokenizer.all_special_ids)):
            raise ModelError("a tokenizer with words in it", f"none in {source}", "Copy the tokenizer's files there.")
        self.module = model.to(device, weights_dtype(dtype)).eval().requires_grad_(False)
        self._device, self._dtype = device, dtype
        # SigLIP's text tower reads the last position of a text padded to the full length, without a mask.
        self._is_siglip = model.config.model_type.startswith("siglip")
        self.name = f"hf:{source}"
        missing = [name for name in ("visual_projection", "text_projection") if not _is_linear(model, name)]
        self.notes = tuple(
            f"The {name.partition('_')[0]} tower has no linear projection: the studied head starts at the identity."
            for name in missing
        )
        if getattr(model, "logit_scale", None) is None:
            raise ModelError("a model with a logit scale", type(model).__name__, "Use a contrastive model.")

    @property
    def heads(self) -> Heads:
        """The projections and the temperature as they are now, detached."""
        model = self.module
        vision, text = model.config.vision_config.hidden_size, model.config.text_config.hidden_size
        image_head, image_bias = _projection(model, "visual_projection", vision)
        text_head, text_bias = _projection(model, "text_projection", text)
        bias = getattr(model, "logit_bias", None)
        logit_bias = None if bias is None else bias.detach().reshape(())
        scale = model.logit_scale.detach().reshape(())
        heads = Heads(text_head, image_head, scale, text_bias, image_bias, logit_bias)
        return heads.to(self._device, weights_dtype(self._dtype))

    def prepare_images(self, images: list[Image.Image]) -> Tensor:
        """Pixel tensor `[images, channels, height, width]`."""
        return self._images(images=images, return_tensors="pt")["pixel_values"].to(
            self._device, weights_dtype(self._dtype)
        )

    def prepare_texts(self, texts: list[str]) -> tuple[dict[str, Tensor], int]:
        """Token tensors, and how many texts were longer than the tower reads and were cut."""
        limit = self.module.config.text_config.max_position_embeddings
        tokens = self._tokenizer(
            texts,
            padding="max_length" if self._is_siglip else True,
            truncation=True,
            max_length=limit,
            return_tensors="pt",
            return_attention_mask=True,
        )
        # A text that fills the limit may have been cut: only those are tokenized again to know.
        full = (tokens["attention_mask"].sum(1) == limit).nonzero().flatten().tolist()
        lengths = self._tokenizer([texts[i] for i in full])["input_ids"] if full else []
        names = ("input_ids",) if self._is_siglip else ("input_ids", "attention_mask")
        return {n: tokens[n].to(self._device) for n in names}, sum(len(ids) > limit for ids in lengths)

    def penultimate_images(self, pixels: Tensor) -> Tensor:
        """What the image projection reads, `[images, image_dim]`."""
        with autocast(self._device, self._dtype):
            return self.module.vision_model(pixel_values=pixels).pooler_output.to(pixels.dtype)

    def penultimate_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text projection reads, `[texts, text_dim]`."""
        with autocast(self._device, self._dtype):
            return self.module.text_model(**tokens).pooler_output.to(weights_dtype(self._dtype))

    def embed_images(self, pixels: Tensor) -> Tensor:
        """What the image projection gives, before normalising, `[images, embed_dim]`."""
        return _projected(self.module, "visual_projection", self.penultimate_images(pixels))

    def embed_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text projection gives, before normalising, `[texts, embed_dim]`."""
        return _projected(self.module, "text_projection", self.penultimate_texts(tokens))

    def weights_of(self, heads: Heads) -> dict[str, Tensor]:
        """The parameters that these heads are, by name."""
        check_heads_can_be_held(self.notes)
        return {
            "visual_projection.weight": heads.image,
            "text_projection.weight": heads.text,
            "logit_scale": heads.log_logit_scale,
        }

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and image processor as `from_pretrained` reads them."""
        for part in (self.module, self._tokenizer, self._images):
            part.save_pretrained(folder)


def _is_linear(model: nn.Module, name: str) -> bool:
    return isinstance(getattr(model, name, None), nn.Linear)


def _projection(model: nn.Module, name: str, dimension: int) -> tuple[Tensor, Tensor | None]:
    """Weight `[embed_dim, dimension]` and bias of a projection; the identity where there is none."""
    if not _is_linear(model, name):
        return identity_head(dimension), None
    projection = getattr(model, name)
    return projection.weight.detach(), None if projection.bias is None else projection.bias.detach()


def _projected(model: nn.Module, name: str, penultimate: Tensor) -> Tensor:
    return getattr(model, name)(penultimate) if _is_linear(model, name) else penultimate


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
