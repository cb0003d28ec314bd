"""Given features instead of a model: `embeddings:FOLDER` in the layout of clip-retrieval.

There is no encoder, so heads start where the features are: at the identity where both sides have one width (features
of a shared space stay as they are), else at seeded orthonormal rows. Nothing but the features of the pairs can be
embedded: no class prompts.

An optional `FOLDER/config.json` may give `log_logit_scale` (natural logarithm of the multiplier of the similarities)
and `embed_dim` (rows of the heads, at most the smaller width).
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from engine.errors import ModelError, PairsError
from engine.models.interface import Heads, identity_head
from engine.pairs.readers.clip_retrieval import FeatureFiles, feature_files, is_feature_folder

DEFAULT_LOG_LOGIT_SCALE = math.log(1 / 0.07)
CONFIG_FILE = "config.json"
SEED = 0


class GivenFeatures:
    """Features from files, and heads to study on them.

    Args:
        source: the folder.
        device: where the heads are.
        dtype: of the heads.

    Raises:
        ModelError: if the folder or its config.json cannot be used.
    """

    def __init__(self, source: str, device: torch.device, dtype: torch.dtype) -> None:
        self.name, folder = f"embeddings:{source}", Path(source)
        self._files: dict[str, list[FeatureFiles]] = {}
        if not is_feature_folder(folder):
            raise ModelError("a folder with img_emb, text_emb and metadata", source, "Check --model.")
        given = _read_config(folder)
        first = feature_files(folder)[0]
        image_dim, text_dim = first.image.shape[1], first.text.shape[1]
        embed_dim = given.get("embed_dim", min(image_dim, text_dim))
        if not isinstance(embed_dim, int) or not 1 <= embed_dim <= min(image_dim, text_dim):
            raise ModelError(
                f"embed_dim to be a whole number from 1 to {min(image_dim, text_dim)}", repr(embed_dim), _mend(folder)
            )
        scale = given.get("log_logit_scale", DEFAULT_LOG_LOGIT_SCALE)
        if not isinstance(scale, int | float) or not math.isfinite(scale):
            raise ModelError("log_logit_scale to be a finite number", repr(scale), _mend(folder))
        if embed_dim == image_dim == text_dim:
            text, image = identity_head(embed_dim), identity_head(embed_dim)
            start = "The heads start at the identity."
        else:
            text, image = _orthonormal(embed_dim, text_dim), _orthonormal(embed_dim, image_dim)
            start = f"The heads start at {embed_dim} orthonormal rows (seed {SEED})."
        self.heads = Heads(text, image, torch.tensor(float(scale), dtype=torch.float64)).to(device, dtype)
        self.notes = (f"The features were given: there is no encoder. {start}",)
        if "log_logit_scale" not in given:
            self.notes += (f"No log_logit_scale was given: CLIP's start, ln(1/0.07) = {scale:.3f}, is taken.",)

    def features(self, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Image and text features of the rows that the pairs come from, `[pairs, image_dim]`, `[pairs, text_dim]`.

        Args:
            pairs: the pairs table; `source` is a folder of features and `row` its 1-based row.

        Raises:
            ModelError: if the pairs come from elsewhere.
            PairsError: if their features have another width than the heads.
        """
        heads = {"image": self.heads.image, "text": self.heads.text}
        dtype = np.float64 if self.heads.text.dtype == torch.float64 else np.float32
        found = {kind: np.empty((len(pairs), head.shape[1]), dtype) for kind, head in heads.items()}
        for source, rows in pairs.groupby("source")["row"]:
            if not is_feature_folder(Path(source)):
                raise ModelError(
                    "pairs that come from a folder of features", f"{source}", "Give that folder to --pairs as well."
                )
            if source not in self._files:
                self._files[source] = feature_files(Path(source))
            files = self._files[source]
            positions = pairs.index.get_indexer(rows.index)
            for kind, into in found.items():
                width = getattr(files[0], kind).shape[1]
                if width != into.shape[1]:
                    raise PairsError(
                        f"{into.shape[1]} {kind} features per pair", f"{width} in {source}", "Check the folders."
                    )
                into[positions] = _gather(files, kind, rows.to_numpy() - 1)
        return found["image"], found["text"]


def _gather(files: list[FeatureFiles], kind: str, rows: np.ndarray) -> np.ndarray:
    """Rows counted through all files, `[rows, width]`."""
    starts = np.cumsum([0, *(len(part.image) for part in files)])
    which = np.searchsorted(starts, rows, side="right") - 1
    gathered = np.empty((len(rows), getattr(files[0], kind).shape[1]), np.float64)
    for number, part in enumerate(files):
        here = which == number
        gathered[here] = getattr(part, kind)[rows[here] - starts[number]]
    return gathered


def _orthonormal(num_rows: int, width: int) -> Tensor:
    """Seeded orthonormal rows `[num_rows, width]`; the same for towers of the same width."""
    draw = torch.randn(width, num_rows, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
    return torch.linalg.qr(draw).Q.T.contiguous()


def _read_config(folder: Path) -> dict[str, object]:
    path = folder / CONFIG_FILE
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError("a readable config.json", f"{path} ({error})", _mend(folder)) from error
    if not isinstance(values, dict):
        raise ModelError("a config.json with named values", f"another kind of JSON in {path}", _mend(folder))
    return values


def _mend(folder: Path) -> str:
    return f"Mend or remove {folder / CONFIG_FILE}."
