"""The one pass of the encoders: penultimate features of every image, caption and class prompt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from engine.config import RunConfig
from engine.errors import ConfigError, PairsError
from engine.executors import LocalPasses, Passes
from engine.feature_shards import check_finite
from engine.memory import in_chunks_that_fit
from engine.models import load_model, model_hash, split_spec
from engine.models.embeddings import GivenFeatures
from engine.models.lora import adapter_notes
from engine.shard_encoding import EncodeShard, ShardEncoder, shard_encoder
from engine.sources.encoders import load_encoder
from engine.study import device_of
from engine.tiers import parametrization

if TYPE_CHECKING:
    from engine.models.interface import DualEncoder


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


def write_features(
    folder: Path,
    config: RunConfig,
    pairs: pd.DataFrame,
    report: Callable[[int, int], None],
    passes: Callable[[torch.device], Passes] | None = None,
) -> dict[str, object]:
    """Embed everything and write `image.npy text.npy prompts.npy heads.safetensors classes.json`.

    Pairs are embedded shard by shard, and each finished shard is kept: called again with the folder that a killed
    process left, this goes on after it, with the same features. Memory does not grow with the number of pairs. The
    encoders are not compiled (`torch.compile`): whether that pays on a GPU has not been measured.

    Args:
        folder: where to write; made here.
        config: model, device, dtype, chunk size, classes, templates.
        pairs: the pairs table.
        report: called with (done, total) pairs.
        passes: where shards are embedded, over an `EncoderOf` of this folder; None for this process.

    Returns:
        What the record keeps: embedding_seconds (of images and captions, a killed process' share estimated), notes.

    Raises:
        ModelError: if the model cannot be loaded or gives features that are not finite.
    """
    model = load_for(config)
    classes, notes = class_names(config, pairs), list(model.notes)
    encoder = encoder_for(folder, model, config, pairs, lambda done: report(done, len(pairs)))
    seconds, cut = _write_shards(encoder, report, passes and passes(device_of(config)))
    if isinstance(model, GivenFeatures):
        if classes:
            notes.append("Given features have no text encoder for class prompts: classes are passed over.")
        classes, prompts = [], np.empty((0, model.heads.text.shape[1]), encoder.shards.dtype)
    else:
        prompts = _embed_prompts(model, config, classes, encoder.shards.dtype)
    check_finite("prompts", prompts)
    np.save(folder / "prompts.npy", prompts, allow_pickle=False)
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


def encoder_for(
    folder: Path,
    model: DualEncoder | GivenFeatures,
    config: RunConfig,
    pairs: pd.DataFrame,
    report: Callable[[int], None] = lambda done: None,
) -> ShardEncoder:
    """What fills the shards of a run; rounded products only where encoders are not differentiated afterwards."""
    return shard_encoder(folder, model, pairs, config.chunk_size, config.tier == "heads", report)


def _write_shards(
    encoder: ShardEncoder, report: Callable[[int, int], None], passes: Passes | None
) -> tuple[float, int]:
    """Fill the shards that are not on the disk yet; seconds for all, and how many captions were cut."""
    shards = encoder.shards
    shards.prepare()
    unfinished, started, num_rows = shards.unfinished(), time.monotonic(), 0
    if passes is None:
        passes = LocalPasses(encoder)
    else:  # who gets the next one is not known
        unfinished = [replace(shard, following=None) for shard in unfinished]
    for shard, cut in zip(unfinished, passes.mapped(EncodeShard(), unfinished), strict=True):
        shards.finish(shard, cut)
        num_rows += shard.stop - shard.first
        report(shard.stop, shards.num_rows)
    seconds = time.monotonic() - started
    return seconds * shards.num_rows / num_rows if num_rows else 0.0, sum(shards.finished().values())


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


@torch.no_grad()
def _embed_prompts(model: DualEncoder, config: RunConfig, classes: list[str], dtype: np.dtype) -> np.ndarray:
    """Penultimate features of the prompts, class by class, `[prompts, text_dim]`."""
    texts = [template.replace("{}", name) for name in classes for template in config.templates]
    parts = [np.empty((0, model.heads.text.shape[1]), dtype)]

    def tokenized(first: int, size: int) -> Iterator[tuple[slice, Any]]:
        for start in range(first, len(texts), size):
            part = slice(start, min(start + size, len(texts)))
            yield part, model.prepare_texts(texts[part])[0]

    def encode(part: slice, tokens: Any) -> None:
        parts.append(model.penultimate_texts(tokens).cpu().numpy())

    in_chunks_that_fit(len(texts), config.chunk_size, tokenized, encode)
    return np.concatenate(parts)
