"""open_clip models, by name and tag or from a local folder in its hub layout."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.checkpoints import PICKLES, check_folder, first_line
from engine.models.interface import Heads, check_heads_can_be_held, identity_head
from engine.models.precision import autocast, weights_dtype
from engine.models.transfer import to_device

if TYPE_CHECKING:
    from PIL import Image

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
CHOSEN_FIRST = (WEIGHTS_FILE, "open_clip_pytorch_model.safetensors")
"""names that open_clip prefers to every pickle"""
HUB = "hf-hub:"


class OpenClipDualEncoder:
    """An open_clip model; its projections are the heads.

    Args:
        source: NAME, NAME/TAG, hf-hub:OWNER/NAME, or a folder with open_clip_config.json and safetensors weights.
        device: where it runs.
        dtype: the dtype of its weights and features; a half precision leaves both in float32 and is that of the
            products inside.

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
                self._config = json.loads((Path(source) / CONFIG_FILE).read_text(encoding="utf-8"))
            else:
                name, tag = _name_and_tag(source)
                if not tag and not name.startswith(HUB):
                    notes.append("No pretrained tag was given: the weights are random.")
                model, _, self._preprocess = open_clip.create_model_and_transforms(
                    name, pretrained=tag or None, device=device
                )
                self._tokenize = open_clip.get_tokenizer(name)
                preprocess = getattr(model.visual, "preprocess_cfg", {})
                self._config = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": preprocess}
        except ModelError:
            raise
        except Exception as error:  # open_clip, hub and file errors have no common base
            raise ModelError(
                "an open_clip model whose weights are on this machine and its own",
                f"{source} ({first_line(error)})",
                "Copy it again, with configuration and weights of one model."
                if Path(source).is_dir()
                else "Where there is a network, the same command downloads the weights to ~/.cache/huggingface; copy "
                "that folder here, or give a local open_clip folder.",
            ) from error
        self.module = model.to(device, weights_dtype(dtype)).eval().requires_grad_(False)
        self._device, self._dtype = device, dtype
        for part, (owner, name) in self._projections.items():
            if _weight(owner, name)[0] is None:
                notes.append(f"The {part} tower has no linear projection: the studied head starts at the identity.")
        self.notes = tuple(notes)
        self.max_tokens = int(getattr(self._tokenize, "context_length", None) or self.module.context_length)
        self._embed_dim()

    @property
    def heads(self) -> Heads:
        """The projections and the temperature as they are now, detached."""
        (image, image_bias), (text, text_bias) = (_weight(*place) for place in self._projections.values())
        bias = getattr(self.module, "logit_bias", None)
        return Heads(
            text=identity_head(self._embed_dim()) if text is None else text,
            image=identity_head(self._embed_dim()) if image is None else image,
            log_logit_scale=self.module.logit_scale.detach().reshape(()),
            text_bias=text_bias,
            image_bias=image_bias,
            logit_bias=None if bias is None else bias.detach().reshape(()),
        ).to(self._device, weights_dtype(self._dtype))

    def prepare_images(self, images: list[Image.Image]) -> Tensor:
        """Pixel tensor `[images, channels, height, width]`."""
        pixels = torch.stack([self._preprocess(image) for image in images])
        return to_device(pixels, self._device, weights_dtype(self._dtype))

    def prepare_texts(self, texts: list[str]) -> tuple[dict[str, Tensor], int]:
        """Token tensor under "text", and how many texts were longer than the tower reads and were cut."""
        tokens = self._tokenize(texts)
        # A text that fills the context may have been cut: only those are tokenized again, with room for more, to know.
        full = [text for text, last in zip(texts, tokens[:, -1].tolist(), strict=True) if last != self._padding]
        longer = self._tokenize(full, context_length=self.max_tokens + 1)[:, -1] if full else tokens[:0, -1]
        return {"text": to_device(tokens, self._device)}, int((longer != self._padding).sum())

    def penultimate_images(self, pixels: Tensor) -> Tensor:
        """What the image projection reads, `[images, image_dim]`."""
        with _taken_off(*self._projections["image"]), autocast(self._device, self._dtype):
            return self.module.encode_image(pixels).to(pixels.dtype)

    def penultimate_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text projection reads, `[texts, text_dim]`."""
        with _taken_off(*self._projections["text"]), autocast(self._device, self._dtype):
            return self.module.encode_text(tokens["text"]).to(weights_dtype(self._dtype))

    def embed_images(self, pixels: Tensor) -> Tensor:
        """What the image projection gives, before normalising, `[images, embed_dim]`."""
        return _projected(*self._projections["image"], self.penultimate_images(pixels))

    def embed_texts(self, tokens: dict[str, Tensor]) -> Tensor:
        """What the text projection gives, before normalising, `[texts, embed_dim]`."""
        return _projected(*self._projections["text"], self.penultimate_texts(tokens))

    def weights_of(self, heads: Heads) -> dict[str, Tensor]:
        """The parameters that these heads are, by name; open_clip keeps a bare projection transposed."""
        check_heads_can_be_held(self.notes)
        names = {part: name for name, part in self.module.named_parameters()}
        found = {"logit_scale": heads.log_logit_scale}
        for (owner, attribute), weight in zip(self._projections.values(), (heads.image, heads.text), strict=True):
            projection = getattr(owner, attribute)
            if isinstance(projection, nn.Linear):
                found[names[projection.weight]] = weight
            else:
                found[names[projection]] = weight.T
        if heads.logit_bias is not None:
            found["logit_bias"] = heads.logit_bias
        return found

    def save(self, folder: Path) -> None:
        """Write the model in open_clip's hub layout: its configuration and safetensors weights."""
        folder.mkdir(parents=True)
        (folder / CONFIG_FILE).write_text(json.dumps(self._config, indent=2), encoding="utf-8")
        weights = {name: part.contiguous().clone() for name, part in self.module.state_dict().items()}
        save_file(weights, folder / WEIGHTS_FILE)

    @property
    def _padding(self) -> int:
        """The token behind the end of a short text."""
        return getattr(getattr(self._tokenize, "tokenizer", None), "pad_token_id", None) or 0

    @property
    def _projections(self) -> dict[str, tuple[nn.Module, str]]:
        """Where the image and the text projection are: the owner and the attribute."""
        model: Any = self.module
        return {"image": (model.visual, "proj"), "text": (getattr(model, "text", model), "text_projection")}

    def _embed_dim(self) -> int:
        for place in self._projections.values():
            if (weight := _weight(*place)[0]) is not None:
                return weight.shape[0]
        visual = self._projections["image"][0]
        if (dimension := getattr(visual, "output_dim", None)) is None:
            raise ModelError("a tower with a known output size", type(visual).__name__, "Use a ViT CLIP model.")
        return dimension


def _check_folder(folder: Path) -> None:
    """Refuse a folder without a model's configuration, or where open_clip could choose a pickle over safetensors."""
    if "model_cfg" not in check_folder(folder, CONFIG_FILE):
        raise ModelError(
            f"{CONFIG_FILE} with a model_cfg", f"{folder} without", "Save the model in open_clip's hub layout."
        )
    pickled = [path.name for path in folder.iterdir() if path.suffix in PICKLES]
    if pickled and not any((folder / name).is_file() for name in CHOSEN_FIRST):
        raise ModelError(
            f"weights named {WEIGHTS_FILE}",
            f"{folder}, where open_clip would open the pickle {pickled[0]}",
            "Rename the safetensors file, or take the pickle away.",
        )


def _name_and_tag(source: str) -> tuple[str, str]:
    """NAME and TAG; a tag is one that open_clip lists, never a file.

    Raises:
        ModelError: if the model or the tag is unknown.
    """
    import open_clip

    if source.startswith(HUB):
        return source, ""
    name, _, tag = source.partition("/")
    if name not in open_clip.list_models():
        raise ModelError(
            "a model that open_clip knows", repr(name), "Give NAME/TAG, hf-hub:OWNER/NAME, or a folder that exists."
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag and tag not in tags:
        raise ModelError(f"one of the tags of {name}: {', '.join(tags) or 'none'}", repr(tag), "Choose one of these.")
    return name, tag


def _weight(owner: nn.Module, name: str) -> tuple[Tensor | None, Tensor | None]:
    """The projection `name` as `[embed_dim, dim]` with its bias; None where there is no linear one."""
    projection = getattr(owner, name, None)
    if isinstance(projection, nn.Linear):
        return projection.weight.detach(), None if projection.bias is None else projection.bias.detach()
    if isinstance(projection, Tensor):
        return projection.detach().T.contiguous(), None
    return None, None


def _projected(owner: nn.Module, name: str, penultimate: Tensor) -> Tensor:
    """What the projection makes of penultimate features; outside of any half precision, as cached heads do."""
    projection = getattr(owner, name, None)
    if isinstance(projection, nn.Linear):
        return projection(penultimate)
    return penultimate @ projection if isinstance(projection, Tensor) else penultimate


@contextlib.contextmanager
def _taken_off(owner: nn.Module, name: str) -> Iterator[None]:
    """The tower without its projection, so that it gives penultimate features."""
    parts = owner._modules if name in owner._modules else owner._parameters
    projection = parts.get(name)  # set in the dictionary: a functional call may have put a plain tensor there
    if projection is None:
        yield
        return
    parts[name] = None
    try:
        yield
    finally:
        parts[name] = projection
