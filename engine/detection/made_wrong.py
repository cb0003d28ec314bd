"""The training pairs of a run with noise in them, and which of them are wrong."""

from __future__ import annotations

import dataclasses

import pandas as pd

from engine.crossfit.inputs import PairInputs
from engine.detection.noise import Noise, PairFacts, plant, recorded
from engine.detection.options import RECORDED, NoiseOptions
from engine.detection.truth import wrong_by_column, wrong_by_table
from engine.errors import ConfigError


def made_wrong(
    inputs: PairInputs, train: pd.DataFrame, options: NoiseOptions, kind: str, ratio: float | None, seed: int
) -> tuple[PairInputs, Noise]:
    """What a detector is given in one cell, and the truth that it is not given.

    Args:
        inputs: the training pairs as they are.
        train: their rows of the pairs table.
        options: where the truth of recorded noise stands; whether the validation split is noisy as well.
        kind: of noise.
        ratio: share of wrong pairs; None for recorded noise.
        seed: of the noise.

    Raises:
        ConfigError: if the noise cannot be planted, or the recorded truth has no wrong or no right pair.
        PairsError: if the recorded truth cannot be read.
    """
    if kind == RECORDED:
        return inputs, _recorded(train, options)
    noise = plant(kind, _facts(inputs), ratio, seed)
    given = inputs.with_captions(noise.positions)
    if options.noisy_validation and inputs.validation is not None:
        # not the training pairs' seed: the two splits are wrong independently of each other
        held_out = plant(kind, _facts(inputs.validation), ratio, seed + options.seeds)
        given = dataclasses.replace(given, validation=inputs.validation.with_captions(held_out.positions))
    return given, noise


def _recorded(train: pd.DataFrame, options: NoiseOptions) -> Noise:
    if options.truth is not None:
        found = recorded(*wrong_by_table(options.truth, train))
    else:
        found = recorded(*wrong_by_column(options.truth_column, train))
    num_wrong, num_judged = int((found.is_wrong & found.is_judged).sum()), int(found.is_judged.sum())
    if not 0 < num_wrong < num_judged:
        raise ConfigError(
            "wrong and right training pairs in the recorded truth", f"{num_wrong} wrong of {num_judged}", "Check it."
        )
    return found


def _facts(inputs: PairInputs) -> PairFacts:
    return PairFacts(inputs.caption_ids, inputs.image_ids, inputs.labels, inputs.text.cpu().numpy())
