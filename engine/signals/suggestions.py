"""Suggested captions: for every image the best-fitting other caption of the data set."""

from __future__ import annotations

import torch
from torch import Tensor

ROWS_AT_ONCE = 1024


def suggested_captions(image: Tensor, text: Tensor, captions: list[str]) -> list[str | None]:
    """The caption with the highest cosine among captions that differ from the pair's own.

    Args:
        image: unit image features, `[pairs, embed_dim]`.
        text: unit text features of the captions, `[pairs, embed_dim]`.
        captions: the pairs' captions, in the same order.

    Returns:
        One caption per pair; None where there is no other caption.
    """
    first: dict[str, int] = {}
    for position, caption in enumerate(captions):
        first.setdefault(caption, position)
    distinct = list(first)
    if len(distinct) < 2:
        return [None] * len(captions)
    candidates = text[torch.tensor(list(first.values()))]
    own = {caption: number for number, caption in enumerate(distinct)}
    found: list[str | None] = []
    for start in range(0, len(captions), ROWS_AT_ONCE):
        rows = captions[start : start + ROWS_AT_ONCE]
        similarity = image[start : start + ROWS_AT_ONCE] @ candidates.T
        similarity[torch.arange(len(rows)), torch.tensor([own[c] for c in rows])] = -2.0
        found += [distinct[i] for i in similarity.argmax(1).tolist()]
    return found
