"""CLIP-style dual encoders of Hugging Face transformers, from a local folder or the local cache."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import normalize as unit

from engine.errors import ModelError
from engine.models.checkpoints import check_folder, check_keys, first_line
from engine.models.interface import Heads, check_heads_can_be_held, identity_head
from engine.models.precision import autocast, weights_dtype
from engine.models.transfer import to_device

PROJECTIONS = {"image": "visual_projection", "text": "text_projection"}
LOGITS_AGREE = 0.01
"""relative, and of the logit scale: rounding on an accelerator stays far below, a wrong feature far above"""
DEFAULT_MAX_TOKENS = 512
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "altclip_text_model")
"""text towers that count positions from behind their padding's number"""


class TransformersDualEncoder:
    """A transformers model with `get_image_features`, `get_text_features`, logits of cosines and a logit scale.

    What its linear projections read are the penultimate features; a tower that ends otherwise is taken whole. That
    heads on them give the model's own logits is checked when it is loaded.

    Args:
        source: folder, or a name in the local cache (or, online, of the hub).
        device: where it runs.
        dtype: the dtype of its weights and features; a half precision leaves both in float32 and is that of the
            products inside.

    Raises:
        ModelError: if the folder is no such dual encoder, or its weights are absent, pickled, damaged or not its own.
    """

    def __init__(self, source: str, device: torch.device, dtype: torch.dtype) -> None:
        model, self._images, self._tokenizer, self.notes = _load(source)
        if not all(hasattr(model, name) for name in ("get_image_features", "get_text_features")):
            raise ModelError(
                "a model with an image and a text tower",
                f"{type(model).__name__} in {source}",
                "Use a CLIP-style dual encoder.",
            )
        if getattr(model, "logit_scale", None) is None:
            raise ModelError("a model with a logit scale", type(model).__name__, "Use a contrastive model.")
        if len(self._tokenizer) <= len(set(self._tokenizer.all_special_ids)):
            raise ModelError("a tokenizer with words in it", f"none in {source}", "Copy the tokenizer's files there.")
        self.module = model.to(device, weights_dtype(dtype)).eval().requires_grad_(False)
        self._device, self._dtype = device, weights_dtype(dtype)
        # SigLIP's text tower reads the last position of a text padded to the full length, without a mask.
        self._is_siglip = model.config.model_type.startswith("siglip")
        self.name = f"hf:{source}"
        self.max_tokens = _max_tokens(model, self._tokenizer)
        self._widths = self._check_logits(source)
        self._dtype = dtype
        self.notes += tuple(
            f"The {name.partition('_')[0]} tower has no linear projection: the studied head starts at the identity."
            for name in PROJECTIONS.values()
            if not _is_linear(model, name)
        )

    @property
    def heads(self) -> Heads:
        """The projections and the temperature as they are now, detached."""
        model = self.module
        image_head, image_bias = _projection(model, PROJECTIONS["image"], self._widths["image"])
        text_head, text_bias = _projection(model, PROJECTIONS["text"], self._widths["text"])
        bias = getattr(model, "logit_bias", None)
        logit_bias = None if bias is None else bias.detach().reshape(())
        scale = model.logit_scale.detach().reshape(())
        heads = Heads(text_head, image_head, scale, text_bias, image_bias, logit_bias)
        return heads.to(self._device, weights_dtype(self._dtype))

    def prepare_images(self, images: list[Image.Image]) -> Tensor:
        """Pixel tensor `[images, channels, height, width]`."""
        pixels = self._images(images=images, return_tensors="pt")["pixel_values"]
        return to_device(pixels, self._device, weights_dtype(self._dtype))

    def prepare_texts(self, texts: list[str]) -> tuple[dict[str, Tensor], int]:
        """Token tensors, and how many texts were longer than the tower reads and were cut."""
        limit = self.max_tokens
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
        again = {"truncation": True, "max_length": limit + 1}  # one more token is enough to know, whatever the length
        lengths = self._tokenizer([texts[i] for i in full], **again)["input_ids"] if full else []
        names = ("input_ids",) if self._is_siglip else ("input_ids", "attention_mask")
        return {n: to_device(tokens[n], self._device) for n in names}, sum(len(ids) > limit for ids in lengths)

    def penultimate_images(self, pixels: Tensor) -> Tensor:
        """What the image projection reads, `[images, image_dim]`."""
        with _taken_off(self.module, PROJECTIONS["image"]), autocast(self._device, self._dtype):
            return _pooled(self.module.get_image_features(pixel_values=pixels)).to(pixels.dtype)

    def penultimate_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text projection reads, `[texts, text_dim]`."""
        with _taken_off(self.module, PROJECTIONS["text"]), autocast(self._device, self._dtype):
            return _pooled(self.module.get_text_features(**tokens)).to(weights_dtype(self._dtype))

    def embed_images(self, pixels: Tensor) -> Tensor:
        """What the image projection gives, before normalising, `[images, embed_dim]`."""
        return _projected(self.module, PROJECTIONS["image"], self.penultimate_images(pixels))

    def embed_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text projection gives, before normalising, `[texts, embed_dim]`."""
        return _projected(self.module, PROJECTIONS["text"], self.penultimate_texts(tokens))

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

    @torch.no_grad()
    def _check_logits(self, source: str) -> dict[str, int]:
        """The widths of the penultimate features of a model whose logits are what heads on them give.

        Raises:
            ModelError: if they are not, or a text of the greatest length cannot be read.
        """
        try:
            pixels = self.prepare_images([Image.new("RGB", (48, 32), colour) for colour in ("teal", "orange")])
            tokens, _ = self.prepare_texts(["a photo", "word " * self.max_tokens])
            own = self.module(pixel_values=pixels, **tokens).logits_per_text
            image, text = self.penultimate_images(pixels), self.penultimate_texts(tokens)
            self._widths = {"image": image.shape[1], "text": text.shape[1]}
            bias, scale = self.heads.logit_bias, self.heads.log_logit_scale.exp()
            found = scale * unit(self.embed_texts(tokens)) @ unit(self.embed_images(pixels)).T
            found = found if bias is None else found + bias
            is_right = torch.allclose(found, own, rtol=LOGITS_AGREE, atol=LOGITS_AGREE * float(scale))
        except ModelError:
            raise
        except Exception as error:  # whatever an architecture of another interface does with these inputs
            raise _not_supported(source, self.module, first_line(error)) from error
        if not is_right:
            raise _not_supported(source, self.module, "its logits are not those of its features")
        return self._widths


def _load(source: str) -> tuple[nn.Module, Any, Any, tuple[str, ...]]:
    """Model, image processor, tokenizer and notes.

    Raises:
        ModelError: if one of them cannot be read.
    """
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    folder = Path(source).expanduser()
    if folder.is_dir():
        check_folder(folder, "config.json")
    elif source.startswith((".", "~", "/")):
        raise ModelError("a model folder", f"nothing at {source}", "Check --model.")
    safely = {"trust_remote_code": False}
    disable_progress_bar()  # the bars of a run are enough
    try:
        model, found = AutoModel.from_pretrained(  # what does not fit is named below, not drawn at random
            source, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True, **safely
        )
        images = AutoImageProcessor.from_pretrained(source, **safely)
        tokenizer = AutoTokenizer.from_pretrained(source, **safely)
    except Exception as error:  # transformers, hub and file errors have no common base
        raise ModelError(
            "a transformers CLIP-style model with safetensors weights, tokenizer and image processor",
            f"{source} ({first_line(error)})",
            "Give a folder written by save_pretrained." if folder.is_dir() else _download(source),
        ) from error
    mismatched = [one if isinstance(one, str) else one[0] for one in found["mismatched_keys"]]
    notes = check_keys(source, sorted(found["missing_keys"]), sorted(found["unexpected_keys"]), sorted(mismatched))
    return model, images, tokenizer, notes


def _download(source: str) -> str:
    return (
        f"It is not on this machine, or not whole: where there is a network, `hf download {source} --local-dir FOLDER` "
        "fetches it; copy the folder here and give --model hf:FOLDER."
    )


def _max_tokens(model: nn.Module, tokenizer: Any) -> int:
    """The most tokens a text may have: what the tower has positions for, and the tokenizer was made for."""
    config = getattr(model.config, "text_config", model.config)
    positions = getattr(config, "max_position_embeddings", DEFAULT_MAX_TOKENS)
    if config.model_type in POSITIONS_AFTER_PADDING:
        positions -= config.pad_token_id + 1
    return min(positions, tokenizer.model_max_length)


def _not_supported(source: str, model: nn.Module, reason: str) -> ModelError:
    return ModelError(
        "a dual encoder whose logits are scaled cosines of image and text features",
        f"{type(model).__name__} in {source} ({reason})",
        "Use a CLIP-style model, such as CLIP, SigLIP, AltCLIP or Chinese-CLIP.",
    )


def _pooled(found: Any) -> Tensor:
    """Features `[rows, dim]`; earlier versions of transformers give them bare."""
    return found if isinstance(found, Tensor) else found.pooler_output


@contextlib.contextmanager
def _taken_off(model: nn.Module, name: str) -> Iterator[None]:
    """The model without a linear projection, so that it gives what the projection reads."""
    if not _is_linear(model, name):
        yield
        return
    projection, model._modules[name] = model._modules[name], nn.Identity()
    try:
        yield
    finally:
        model._modules[name] = projection


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
