"""What drove a pair's suspicion, in words. No torch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

MOST_REASONS = 2
WORDS = {
    "similarity": "picture and caption lie far apart",
    "association": "what the picture shows and what the caption says seldom go together",
    "caption_loss": "other captions fit this picture better",
    "image_loss": "the caption fits other pictures better",
    "caption_association_loss": "other captions fit this picture better",
    "image_association_loss": "the caption fits other pictures better",
    "margin": "some other caption or picture fits better",
    "label_quality": "the picture looks like another class",
    "model_similarity": "the model itself finds that the caption fits badly",
    "alike_caption_loss": "captions of similar pictures fit this picture better",
    "alike_image_loss": "pictures with similar captions fit the caption better",
    "alike_caption_association_loss": "captions of similar pictures fit this picture better",
    "alike_image_association_loss": "pictures with similar captions fit the caption better",
}
"""by signal; two signals that say the same have the same words"""
LOWERS_LOSS = "without it the validation loss would be lower"
ODD = 0.5
"""oddity from which on a caption's own look is among the reasons"""


def reasons(contributions: pd.DataFrame, influence: np.ndarray | None = None) -> list[str]:
    """The strongest reasons to suspect each pair.

    Args:
        contributions: what each signal adds to the log odds of being wrong, columns named by signal.
        influence: cross-fitted influence on the validation loss, `[pairs]`, < 0 hurts; None without it.

    Returns:
        One sentence per pair, the strongest reason first; empty where nothing speaks against a pair.
    """
    words = [WORDS[name] for name in contributions.columns]
    values = contributions.to_numpy()
    order = np.argsort(-values, axis=1, kind="stable")
    hurts = np.zeros(len(values), dtype=bool) if influence is None else influence < 0
    found = []
    for row, columns in enumerate(order):
        chosen: list[str] = []
        for column in columns:
            if values[row, column] <= 0 or len(chosen) == MOST_REASONS:
                break
            if words[column] not in chosen:
                chosen.append(words[column])
        if chosen and hurts[row]:
            chosen.append(LOWERS_LOSS)
        sentence = "; ".join(chosen)
        found.append(f"{sentence[:1].upper()}{sentence[1:]}." if sentence else "")
    return found


def with_oddities(sentences: Iterable[str], oddity: Iterable[float], words: Iterable[str | None]) -> list[str]:
    """The reasons to suspect each pair, with what is odd about its caption where that is plain (`ODD`).

    Args:
        sentences: of `reasons`, `[pairs]`.
        oddity: 0 … 1, `[pairs]`.
        words: what is odd, as a sentence; None where nothing is, `[pairs]`.
    """
    return [
        f"{sentence} Its caption looks odd: {odd}".lstrip() if score >= ODD else sentence
        for sentence, score, odd in zip(sentences, oddity, words, strict=True)
    ]
