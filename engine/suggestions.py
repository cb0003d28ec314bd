"""The suggestions table: other captions for the most suspect pairs, by fit to the picture, with their predicted effect.

Candidates are the data set's own distinct captions that do not look odd by themselves, and one prompt per class. A
caption may be right for another picture though the pair that it stands under is wrong (shuffled captions are), so
suspicion of that pair does not exclude it; in fitting the heads suspect pairs count less.

Fit (`engine.crossfit.fitting_captions`) orders them; effect on the validation loss (`engine.influence.replacement`, in
the batches of the first segmentation) stands beside it and does not change the order: on the sample's wrong pairs fit
named the right class clearly more often than fit and effect together. Effect is the model's own word, and the model has
learned the wrong pairs: perhaps that is why.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from engine.crossfit.fitting_captions import distinct_captions, fitting_captions
from engine.crossfit.inputs import PairInputs
from engine.directional import FeatureMap
from engine.feature_rows import StackedRows, chosen
from engine.influence.replacement import replacement_effects
from engine.signals.reasons import ODD
from engine.study import Study

LEAST_PAIRS, MOST_PAIRS = 200, 2000
WRONG_TIMES = 3
"""pairs that get suggestions: this many times the estimated number of wrong ones, between the two"""
KEPT = 5
CAPTION, PROMPT = "caption of another pair", "class prompt"
COLUMNS = {"pair_id": object, "rank": int, "caption": object, "fit": float, "effect": float, "source": object}


def suggestions_table(
    study: Study, signals: pd.DataFrame, inputs: PairInputs, prompts: Tensor, direction: Tensor
) -> pd.DataFrame:
    """Suggested captions.

    Args:
        study: features, batches, loss.
        signals: the signals table; without cross-fitting nothing is suggested.
        inputs: penultimate features of the training pairs.
        prompts: penultimate features of the class prompts, class by class, `[prompts, text_dim]`.
        direction: w of the validation loss, `[1, parameters]`.

    Returns:
        pair_id, rank (1 = best), caption, fit (nats by which it fits better than the pair's own caption), effect (nats
        by which the validation loss changes if it replaces that caption, < 0 lowers it; NaN for a pair in no batch),
        source (`CAPTION` or `PROMPT`).
    """
    asked = asked_pairs(signals)
    train, config = study.rows("train"), study.config
    captions = distinct_captions(inputs.captions, (train["oddity"] < ODD).to_numpy())
    templates, names = config.templates, study.classes
    shown = {templates[0].replace("{}", name): number * len(templates) for number, name in enumerate(names)}
    shown = {text: row for text, row in shown.items() if text not in captions}
    texts = np.array([*captions, *shown], dtype=object)
    if not len(asked) or len(texts) < 2:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    device = inputs.text.device
    own_rows, prompt_rows = (torch.tensor(list(one.values()), dtype=torch.long) for one in (captions, shown))
    pairs = torch.as_tensor(asked, device=device)
    number = {text: row for row, text in enumerate(texts)}
    found = fitting_captions(
        inputs,
        StackedRows(chosen(inputs.text, own_rows), prompts[prompt_rows.to(prompts.device)]),
        torch.tensor([number.get(one, -1) for one in inputs.captions], device=device),
        torch.as_tensor(1.0 - signals["p_wrong"].to_numpy()).to(device, inputs.text.dtype),
        pairs,
        KEPT,
        config.seed,
        config.folds,
    )
    effect = _effects(study, direction, pairs, found.candidates, own_rows, prompt_rows)
    fit, candidates = found.fit.cpu().numpy(), found.candidates.cpu().numpy()
    rows, columns = np.isfinite(fit).nonzero()
    best = candidates[rows, columns]
    values = (
        train["pair_id"].to_numpy()[asked][rows],
        columns + 1,
        texts[best],
        fit[rows, columns].astype(float),
        effect[rows, columns].astype(float),
        np.where(best >= len(captions), PROMPT, CAPTION).astype(object),
    )
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def asked_pairs(signals: pd.DataFrame) -> np.ndarray:
    """Positions of the pairs that get suggestions, the most suspect first; none without cross-fitting."""
    if signals["suspicion"].isna().all():
        return np.empty(0, dtype=np.int64)
    expected = WRONG_TIMES * float(signals["p_wrong"].sum())
    count = int(np.clip(round(expected), LEAST_PAIRS, MOST_PAIRS))
    return np.argsort(signals["suspicion_rank"].to_numpy(), kind="stable")[:count]


def _effects(
    study: Study, direction: Tensor, pairs: Tensor, candidates: Tensor, own_rows: Tensor, prompt_rows: Tensor
) -> np.ndarray:
    """Effect of each candidate, `[asked, candidates]`, nats; captions that are no candidates are not moved."""
    used, renumbered = candidates.cpu().unique(return_inverse=True)
    is_prompt = used >= len(own_rows)
    sides: Sequence[tuple[FeatureMap, Tensor]] = [(study.train, own_rows[used[~is_prompt]])]
    if is_prompt.any():
        sides = [*sides, (study.zero_shot, prompt_rows[used[is_prompt] - len(own_rows)])]
    no_images = torch.arange(0)
    text = torch.cat([one.features(rows, no_images).text for one, rows in sides])
    moved = torch.cat([one.tangents(rows, no_images, direction).text[0] for one, rows in sides])
    found = replacement_effects(
        study.train, study.loss, study.segmentations[0], direction, pairs, text, moved, renumbered.to(text.device)
    )
    return found.cpu().numpy()
