"""open_clip models, by name and tag or from a local folder written by its `push_to_hf_hub` layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.interface import Heads, identity_head

if TYPE_CHECKING:
    from PIL import Image

CONFIG_FILE = "open_clip_config.json"


class OpenClipDualEncoder:
    """An open_clip model whose projections are taken off its towers and studied as heads.

    Args:
        source: NAME, NAME/TAG, or a folder with open_clip_config.json and safetensors weights.
        device: where it runs.
        dtype: the dtype of its weights and features.

    Raises:
        ModelError: if the model is unknown or its weights are not on this machine.
    """

    def __init__(self, source: str, device: torch.device, dtype: torch.dtype) -> None:
        import open_clip

        self.name = f"open_clip:{source}"
        notes: list[str] = []
        try:
            if Path(source).is_dir():
                _check_folder(Path(source))
                address = f"local-dir:{Path(source).resolve()}"
                model, _, self._preprocess = open_clip.create_model_and_transforms(address, device=device)
                self._tokenize = open_clip.get_tokenizer(address)
            else:
                name, _, tag = source.partition("/")
                if not tag:
                    notes.append("No pretrained tag was given: the weights are random.")
                model, _, self._preprocess = open_clip.create_model_and_transforms(
                    name, pretrained=tag or None, device=device
                )
                self._tokenize = open_clip.get_tokenizer(name)
        except ModelError:
            raise
        except Exception as error:  # open_clip, hub and file errors have no common base
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ModelError(
                "an open_clip model whose weights are on this machine",
                f"{source} ({reason})",
                "Give NAME/TAG of downloaded weights or a local folder; to download, go online once.",
            ) from error
        self._model = model.to(device, dtype).eval().requires_grad_(False)
        self._device, self._dtype = device, dtype
        self.heads = _take_heads(self._model, notes).to(device, dtype)
        self.notes = tuple(notes)

    def prepare_images(self, images: list[Image.Image]) -> Tensor:
        """Pixel tensor `[images, channels, height, width]`."""
        return torch.stack([self._preprocess(image) for image in images]).to(self._device, self._dtype)

    def prepare_texts(self, texts: list[str]) -> tuple[dict[str, Tensor], int]:
        """Token tensor under "text", and how many texts fill the whole context (possibly cut)."""
        tokens = self._tokenize(texts)
        cut = int((tokens[:, -1] != tokens[:, -1].new_zeros(())).sum())
        return {"text": tokens.to(self._device)}, cut

    @torch.no_grad()
    def penultimate_images(self, pixels: Tensor) -> Tensor:
        """What the image projection reads, `[images, image_dim]`."""
        return self._model.encode_image(pixels)

    @torch.no_grad()
    def penultimate_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text projection reads, `[texts, text_dim]`."""
        return self._model.encode_text(tokens["text"])


def _check_folder(folder: Path) -> None:
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            "open_clip weights as .safetensors",
            f"{folder} without any",
            "Convert the checkpoint to safetensors; pickled checkpoints are not opened.",
        )
    try:
        json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))["model_cfg"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{CONFIG_FILE} with a model_cfg", f"{folder} ({error})", "Save the model in open_clip's hub layout."
        ) from error


def _take_heads(model: nn.Module, notes: list[str]) -> Heads:
    """Remove the projections from the towers, so that they return penultimate features."""
    visual = model.visual
    text = getattr(model, "text", model)
    image_head, image_bias = _take(visual, "proj")
    text_head, text_bias = _take(text, "text_projection")
    embed_dim = getattr(visual, "output_dim", None) if image_head is None else image_head.shape[0]
    for part, head in (("image", image_head), ("text", text_head)):
        if head is None:
            notes.append(f"The {part} tower has no linear projection: the studied head starts at the identity.")
    scale, bias = model.logit_scale.detach().reshape(()), getattr(model, "logit_bias", None)
    identity = identity_head(embed_dim) if embed_dim else None
    if (image_head is None or text_head is None) and identity is None:
        raise ModelError("a tower with a known output size", type(visual).__name__, "Use a ViT CLIP model.")
    return Heads(
        text=identity if text_head is None else text_head,
        image=identity if image_head is None else image_head,
        log_logit_scale=scale,
        text_bias=text_bias,
        image_bias=image_bias,
        logit_bias=None if bias is None else bias.detach().reshape(()),
    )


def _take(module: nn.Module, name: str) -> tuple[Tensor | None, Tensor | None]:
    """The projection `name` as `[embed_dim, dim]` with its bias; the module loses it."""
    projection = getattr(module, name, None)
    if isinstance(projection, nn.Linear):
        weight, bias = projection.weight.detach(), projection.bias
        setattr(module, name, None)
        return weight, None if bias is None else bias.detach()
    if isinstance(projection, Tensor):
        setattr(module, name, None)
        return projection.detach().T.contiguous(), None
    return None, None
