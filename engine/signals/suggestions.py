"""Suggested captions: for every image the best-fitting other caption of the data set, or of a part of very many.

Cost O(pairs · candidates · embed_dim); at most `MOST_CANDIDATES` different captions are candidates, so that it grows
with the pairs. The most suspect pairs get better ones, of all captions: `engine.suggestions`.
"""

from __future__ import annotations

import numpy as np
import torch

from engine.feature_rows import Rows, chunks_of

ROWS_AT_ONCE = 1024
MOST_CANDIDATES = 10_000


def suggested_captions(image: Rows, text: Rows, captions: list[str], seed: int = 0) -> list[str | None]:
    """The caption with the highest cosine among captions that differ from the pair's own.

    Args:
        image: unit image features, `[pairs, embed_dim]`.
        text: unit text features of the captions, `[pairs, embed_dim]`.
        captions: the pairs' captions, in the same order.
        seed: of the choice of candidates, where there are more than `MOST_CANDIDATES`.

    Returns:
        One caption per pair; None where there is no other caption.
    """
    first: dict[str, int] = {}
    for position, caption in enumerate(captions):
        first.setdefault(caption, position)
    distinct = list(first)
    if len(distinct) < 2:
        return [None] * len(captions)
    if len(distinct) > MOST_CANDIDATES:
        some = np.sort(np.random.default_rng(seed).choice(len(distinct), MOST_CANDIDATES, replace=False))
        distinct = [distinct[number] for number in some]
    candidates = text[torch.tensor([first[caption] for caption in distinct])]
    own = {caption: number for number, caption in enumerate(distinct)}
    found: list[str | None] = []
    for part in chunks_of(len(captions), ROWS_AT_ONCE):
        similarity = image[part] @ candidates.T
        numbers = np.array([own.get(caption, -1) for caption in captions[part]])
        rows = np.flatnonzero(numbers >= 0)
        similarity[torch.from_numpy(rows), torch.from_numpy(numbers[rows])] = -2.0
        found += [distinct[i] for i in similarity.argmax(1).tolist()]
    return found
