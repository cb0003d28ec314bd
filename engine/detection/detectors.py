"""What finds wrong pairs: one function behind one interface, chosen by name.

`detect(inputs, seed)` gives a table with one row per training pair, in order:

    any column         a signal, higher is more suspect (or lower, where `attrs["signs"]` gives −1 for it); NaN where it
                       does not apply
    suspicion          the combination that ranks pairs, 0 … 1
    suspicion_…        another combination, for comparison (a role or a signal left out)
    p_wrong            estimated probability that the pair is wrong, 0 … 1; absent if there is none
    attrs              `estimated_share`: estimated share of wrong pairs, 0 … 1; absent if there is none

It never sees which pairs are wrong.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from engine.crossfit.combine import detect
from engine.crossfit.inputs import PairInputs
from engine.errors import ConfigError

FOLDS = 3
RIDGE = 0.1
"""of the mean diagonal of the second moments"""


class Detector(Protocol):
    """Scores the training pairs."""

    def __call__(self, inputs: PairInputs, seed: int) -> pd.DataFrame:
        """See the module's text; the same seed gives the same table."""


def ridge_detector(inputs: PairInputs, seed: int) -> pd.DataFrame:
    """The plainest baseline: out-of-fold ridge regression from one side to the other, cosine to what the pair has.

    Signals: image_from_text and text_from_image, the cosines. Suspicion is 1 − their mean rank.
    """
    folds = np.random.default_rng(seed).permutation(len(inputs)) % FOLDS
    found = {name: np.empty(len(inputs)) for name in ("text_from_image", "image_from_text")}
    for fold in range(FOLDS):
        rest, held_out = (torch.as_tensor(np.flatnonzero(use)) for use in (folds != fold, folds == fold))
        for name, source, target in (
            ("text_from_image", inputs.image, inputs.text),
            ("image_from_text", inputs.text, inputs.image),
        ):
            guess = _ridge(source[rest], target[rest], source[held_out])
            real = target[held_out] - target[rest].mean(0)
            found[name][held_out.numpy()] = torch.cosine_similarity(guess, real).cpu().numpy()
    table = pd.DataFrame(found)
    table["suspicion"] = 1 - table.rank(pct=True).mean(axis=1)
    table.attrs["signs"] = dict.fromkeys(found, -1)
    return table


def _ridge(source: Tensor, target: Tensor, asked: Tensor) -> Tensor:
    """Linear prediction of centred targets, `[asked, target_dim]`."""
    mean = source.mean(0)
    centred = source - mean
    moments = centred.T @ centred
    damping = RIDGE * moments.diagonal().mean() * torch.eye(len(moments)).to(moments)
    weights = torch.linalg.solve(moments + damping, centred.T @ (target - target.mean(0)))
    return (asked - mean) @ weights


DETECTORS: dict[str, Detector] = {"crossfit": detect, "ridge": ridge_detector}


def detector(name: str) -> Detector:
    """The detector of this name.

    Raises:
        ConfigError: if there is none.
    """
    if name not in DETECTORS:
        raise ConfigError(f"--detector among {', '.join(DETECTORS)}", name, "Change it.")
    return DETECTORS[name]
