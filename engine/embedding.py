"""The one pass of the encoders: penultimate features of every image, caption and class prompt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from engine.config import RunConfig
from engine.errors import ConfigError, ModelError, PairsError
from engine.memory import in_chunks_that_fit
from engine.models import load_model, model_hash, split_spec
from engine.models.embeddings import GivenFeatures
from engine.models.lora import adapter_notes
from engine.pairs import open_picture
from engine.sources.encoders import load_encoder
from engine.study import device_of
from engine.tiers import parametrization

if TYPE_CHECKING:
    from PIL import Image

    from engine.models.interface import DualEncoder

DECODE_THREADS = 4


def class_names(config: RunConfig, pairs: pd.DataFrame) -> list[str]:
    """Classes of the zero-shot queries: the `--classes` file, else the labels, sorted; empty without either.

    Raises:
        PairsError: if the file cannot be read or names fewer than two classes.
    """
    if config.classes is None:
        names = sorted(pairs["label"].dropna().unique())
        return names if len(names) > 1 else []
    try:
        lines = Path(config.classes).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PairsError(
            "a text file with one class name per line", f"{config.classes} ({error})", "Check --classes."
        ) from error
    names = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if len(names) < 2:
        raise PairsError("at least two class names", f"{len(names)} in {config.classes}", "Check --classes.")
    return names


@torch.no_grad()
def write_features(
    folder: Path, config: RunConfig, pairs: pd.DataFrame, report: Callable[[int, int], None]
) -> dict[str, object]:
    """Embed everything and write `image.npy text.npy prompts.npy heads.safetensors classes.json`.

    Args:
        folder: where to write; made here.
        config: model, device, dtype, chunk size, classes, templates.
        pairs: the pairs table.
        report: called with (done, total) pairs.

    Returns:
        What the record keeps: embedding_seconds (images and captions), notes, num_parameters.

    Raises:
        ModelError: if the model cannot be loaded or gives features that are not finite.
    """
    model = load_for(config)
    started, cut, notes = time.monotonic(), 0, list(model.notes)
    classes = class_names(config, pairs)
    if isinstance(model, GivenFeatures):
        image, text = model.features(pairs)
        if classes:
            notes.append("Given features have no text encoder for class prompts: classes are passed over.")
        classes = []
    else:
        image = _embed_images(model, pairs, config.chunk_size, report)
        text, cut = _embed_texts(model, pairs["caption"].tolist(), config.chunk_size)
    seconds = time.monotonic() - started
    prompts = [template.replace("{}", name) for name in classes for template in config.templates]
    prompt_features = _embed_texts(model, prompts, config.chunk_size)[0] if prompts else text[:0]
    folder.mkdir(parents=True)
    for name, array in (("image", image), ("text", text), ("prompts", prompt_features)):
        if not np.isfinite(array).all():
            raise ModelError(
                "finite features",
                f"NaN or infinity in the {name} features of {config.model}",
                "The weights are damaged, or overflow in this precision: try --dtype float32 or float64.",
            )
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    heads = {name: part.contiguous().cpu() for name, part in model.heads.named().items() if part is not None}
    save_file(heads, folder / "heads.safetensors")
    (folder / "classes.json").write_text(json.dumps(classes, ensure_ascii=False), encoding="utf-8")
    if config.adapter:
        notes += adapter_notes(config.adapter)
    if model.heads.logit_bias is not None and config.loss != "siglip":
        notes.append("The model has a logit bias: it was probably trained with a sigmoid loss (--loss siglip).")
    if cut:
        notes.append(_cut_in_words(cut, model.max_tokens))
    return {"embedding_seconds": seconds, "notes": notes}


def _cut_in_words(cut: int, max_tokens: int) -> str:
    are = "caption is" if cut == 1 else "captions are"
    return f"{cut:,} {are} longer than the text encoder's {max_tokens} tokens; what is beyond is not seen."


def load_for(config: RunConfig) -> DualEncoder | GivenFeatures:
    """The model of a run with its adapter merged, or its given features.

    Raises:
        ModelError: if model or adapter cannot be read, or do not belong together.
        ConfigError: if the tier names no parameter, or needs an encoder that is not there.
    """
    device, kind = device_of(config), split_spec(config.model)[0]
    if kind != "embeddings":
        found, _ = load_encoder(
            config.model, model_hash(config.model, config.adapter), config.adapter, False, device, config.dtype
        )
        if config.tier not in ("heads", "lora"):
            parametrization(config.tier, found, None)  # refuses an expression that matches nothing before the work
        return found
    if config.tier != "heads" or config.adapter:
        raise ConfigError(
            "--tier heads and no --adapter with given features",
            f"--tier {config.tier}",
            "Use --tier heads: there is no encoder.",
        )
    return load_model(config.model, device, getattr(torch, config.dtype))


def _embed_images(
    model: DualEncoder, pairs: pd.DataFrame, chunk_size: int, report: Callable[[int, int], None]
) -> np.ndarray:
    rows, parts = list(pairs.itertuples(index=False)), []

    def encode(part: slice, images: list[Image.Image]) -> None:
        found = model.penultimate_images(model.prepare_images(images)).cpu().numpy()
        report(part.stop, len(rows))
        parts.append(found)  # last: a chunk that fails leaves nothing behind

    in_chunks_that_fit(len(rows), chunk_size, partial(_decoded, rows), encode)
    return np.concatenate(parts)


def _decoded(rows: list[object], first: int, chunk_size: int) -> Iterator[tuple[slice, list[Image.Image]]]:
    slices = [slice(start, min(start + chunk_size, len(rows))) for start in range(first, len(rows), chunk_size)]
    with ThreadPoolExecutor(DECODE_THREADS) as pool:
        waiting = pool.map(_decode, rows[slices[0]])
        for number, part in enumerate(slices):
            images = list(waiting)
            if number + 1 < len(slices):  # decode the next chunk while this one is encoded
                waiting = pool.map(_decode, rows[slices[number + 1]])
            yield part, images


def _decode(row: object) -> Image.Image:
    return open_picture(row.images, row.image)


def _embed_texts(model: DualEncoder, texts: list[str], chunk_size: int) -> tuple[np.ndarray, int]:
    parts = []

    def tokenized(first: int, size: int) -> Iterator[tuple[slice, tuple[Any, int]]]:
        for start in range(first, len(texts), size):
            part = slice(start, min(start + size, len(texts)))
            yield part, model.prepare_texts(texts[part])

    def encode(part: slice, given: tuple[Any, int]) -> None:
        tokens, too_long = given
        parts.append((model.penultimate_texts(tokens).cpu().numpy(), too_long))

    in_chunks_that_fit(len(texts), chunk_size, tokenized, encode)
    return np.concatenate([features for features, _ in parts]), sum(too_long for _, too_long in parts)
