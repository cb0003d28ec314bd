"""Putting pairs aside for review, from any page."""

from __future__ import annotations

from collections.abc import Iterable

from dashboard import cache
from dashboard.state import annotator
from dashboard.wording import pairs_in_words
from engine.review.queues import REVIEW


def send_to_review(pair_ids: Iterable[str], run_id: str) -> str:
    """Put pairs into the review queue, each once; says how many are new there.

    Args:
        pair_ids: in the order they are to be looked at; may be empty.
        run_id: the run on screen.

    Raises:
        DecisionsError: if the store refuses.
    """
    sent = list(dict.fromkeys(pair_ids))
    new = cache.queue_store().add(REVIEW, sent, run_id, annotator()) if sent else 0
    said = f"{pairs_in_words(new)} sent to the review queue."
    return said if new == len(sent) else f"{said} {len(sent) - new:,} were there before."
