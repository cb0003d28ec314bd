"""Putting pairs aside for review, from any page."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from dashboard import cache
from dashboard.state import annotator
from dashboard.wording import pairs_in_words
from engine.review.queues import REVIEW

MOST_AT_ONCE = 50_000


def send_to_review(pair_ids: Iterable[str], run_id: str) -> str:
    """Put pairs into the review queue, each once; says how many are new there.

    Args:
        pair_ids: in the order they are to be looked at; may be empty.
        run_id: the run on screen.

    Raises:
        DecisionsError: if the store refuses.
    """
    left, num_sent, new = iter(dict.fromkeys(pair_ids)), 0, 0
    while sent := list(itertools.islice(left, MOST_AT_ONCE)):
        new += cache.queue_store().add(REVIEW, sent, run_id, annotator())
        num_sent += len(sent)
    said = f"{pairs_in_words(new)} sent to the review queue."
    return said if new == num_sent else f"{said} {num_sent - new:,} were there before."
