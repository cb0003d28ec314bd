"""CLIP-style dual encoders of Hugging Face transformers, from a local folder or the local cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.interface import Heads, identity_head

if TYPE_CHECKING:
    from PIL import Image


class TransformersDualEncoder:
    """A transformers model with `vision_model`, `text_model` and (optionally) linear projections.

    Args:
        source: folder, or a name in the local cache.
        device: where it runs.
        dtype: the dtype of its weights and features.

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
        self._model = model.to(device, dtype).eval().requires_grad_(False)
        self._device, self._dtype = device, dtype
        # SigLIP's text tower reads the last position of a text padded to the full length, without a mask.
        self._is_siglip = model.config.model_type.startswith("siglip")
        self.name = f"hf:{source}"
        notes: list[str] = []
        self.heads = _heads(model, notes).to(device, dtype)
        self.notes = tuple(notes)

    def prepare_images(self, images: list[Image.Image]) -> Tensor:
        """Pixel tensor `[images, channels, height, width]`."""
        return self._images(images=images, return_tensors="pt")["pixel_values"].to(self._device, self._dtype)

    def prepare_texts(self, texts: list[str]) -> tuple[dict[str, Tensor], int]:
        """Token tensors, and how many texts were longer than the tower reads and were cut."""
        limit = self._model.config.text_config.max_position_embeddings
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

    @torch.no_grad()
    def penultimate_images(self, pixels: Tensor) -> Tensor:
        """What the image projection reads, `[images, image_dim]`."""
        return self._model.vision_model(pixel_values=pixels).pooler_output

    @torch.no_grad()
    def penultimate_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text projection reads, `[texts, text_dim]`."""
        return self._model.text_model(**tokens).pooler_output


def _heads(model: nn.Module, notes: list[str]) -> Heads:
    def head(name: str, dimension: int) -> tuple[Tensor, Tensor | None]:
        projection = getattr(model, name, None)
        if isinstance(projection, nn.Linear):
            return projection.weight.detach(), None if projection.bias is None else projection.bias.detach()
        notes.append(f"The model has no {name.replace('_', ' ')}: the studied head starts at the identity.")
        return identity_head(dimension), None

    config = model.config
    image, image_bias = head("visual_projection", config.vision_config.hidden_size)
    text, text_bias = head("text_projection", config.text_config.hidden_size)
    scale = getattr(model, "logit_scale", None)
    if scale is None:
        raise ModelError("a model with a logit scale", type(model).__name__, "Use a contrastive model.")
    bias = getattr(model, "logit_bias", None)
    logit_bias = None if bias is None else bias.detach().reshape(())
    return Heads(text, image, scale.detach().reshape(()), text_bias, image_bias, logit_bias)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
