"""Blind check: pairs whose answer is known, mixed into the queue; they measure the ranking and the annotator.

Known-right cards show a pair as it is: one that an audit kept or, where there are too few, one with a very low estimate
of being wrong. Known-wrong cards show the image of one such pair with the caption of another. Every card of a queue,
seeded or not, is addressed by `card_of`, a hash: nothing that reaches the browser tells seeded cards from others. The
pair_id on a seeded card is that of its image. Answers are stored apart (`engine.review.blind`), never as decisions.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.errors import ConfigError
from engine.learning.audit import random_order
from engine.learning.table import VERDICTS, Pairs
from engine.review.blind import BlindItem

CALM_SHARE = 0.25
"""cards are made of this share of the pairs, those with the lowest estimate"""


@dataclass(frozen=True)
class Rate:
    """A share of right answers with its interval."""

    right: int
    """right answers"""
    asked: int
    """answers that were not unsure"""
    low: float
    """lower end of the exact 90 % interval (Clopper and Pearson 1934), 0 … 1"""
    high: float
    """upper end of it"""

    @property
    def share(self) -> float:
        """Share of right answers, 0 … 1; NaN without any."""
        return self.right / self.asked if self.asked else float("nan")


@dataclass(frozen=True)
class BlindResult:
    """What a blind check found."""

    known_right: Rate
    """kept among the known-right cards"""
    known_wrong: Rate
    """dropped or relabelled among the known-wrong cards"""
    unsure: int
    """answers left open"""
    ranking: float | None
    """chance that a known-wrong card is more suspect than a known-right one (AUROC), ½ … 1; None without scores"""
    ranking_low: float | None
    """lower end of its 90 % interval"""
    ranking_high: float | None
    """upper end of it"""

    def sentence(self) -> str:
        """The finding in words."""
        parts = [
            f"{rate.right} of {rate.asked} {name} recognised ({rate.low:.0%}–{rate.high:.0%})"
            for name, rate in (("known-wrong pairs", self.known_wrong), ("known-right pairs", self.known_right))
            if rate.asked
        ]
        if self.ranking is not None:
            parts.append(
                f"the ranking puts a known-wrong pair above a known-right one in {self.ranking:.0%} of cases "
                f"({self.ranking_low:.0%}–{self.ranking_high:.0%})"
            )
        return "; ".join(parts) + "." if parts else "No seeded pair has been answered yet."


def new_secret() -> str:
    """A secret for `card_of`; kept by the server, one per queue."""
    return secrets.token_hex(16)


def card_of(secret: str, image_of: str, caption_of: str | None = None, seeded: bool = False) -> str:
    """The address of a card: of a pair as it is (`caption_of` None), or of a seeded one; they look alike.

    A known-right card has another address than its pair, so the pair itself can still be decided.
    """
    text = f"{secret}\0{image_of}\0{caption_of or image_of}\0{int(seeded)}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def blind_items(
    pairs: Pairs,
    shown: pd.DataFrame,
    secret: str,
    num_right: int = 10,
    num_wrong: int = 10,
    audited_keeps: Collection[str] = (),
    decided: Collection[str] = (),
    run_id: str | None = None,
    seed: int = 0,
) -> list[BlindItem]:
    """Cards to seed.

    Args:
        pairs: all pairs.
        shown: index pair_id, columns image and caption; neither two pairs of one image nor two of one text are swapped.
        secret: of the queue.
        num_right: known-right cards.
        num_wrong: known-wrong cards.
        audited_keeps: pairs that an audit kept; used first for known-right cards.
        decided: pairs with a decision: their images have been seen and are not used otherwise.
        run_id: of the run.
        seed: of the choice.

    Returns:
        Known-right and known-wrong cards in random order. No image is shown on two of them. Where pairs have classes,
        captions are swapped between classes only. Known-right cards carry their suspicion; that of a known-wrong card
        must be scored by the run (image of the one, caption of the other). Known-right cards taken for their low
        estimate flatter the ranking; audited ones do not.

    Raises:
        ConfigError: if there are too few pairs to choose from.
    """
    order = random_order(pairs, seed)
    calm = (pairs.prior <= np.quantile(pairs.prior, CALM_SHARE)) & ~pairs.ids.isin(list(decided))
    kept = pairs.ids.isin(list(audited_keeps))
    right = np.r_[order[kept[order]], order[(calm & ~kept)[order]]][:num_right]
    calm[right] = False
    swapped = _swaps(pairs, shown, [int(row) for row in order[calm[order]]], num_wrong)
    if len(right) < num_right or len(swapped) < num_wrong:
        raise ConfigError(
            f"{num_right} known-right and {num_wrong} known-wrong pairs among those that look right",
            f"{len(right)} and {len(swapped)}",
            "Ask for fewer.",
        )
    chosen = [(row, row, float(pairs.suspicion[row])) for row in right] + [(i, c, None) for i, c in swapped]
    items = [
        BlindItem(
            card=card_of(secret, pairs.ids[image], pairs.ids[caption], seeded=True),
            image_of=pairs.ids[image],
            caption_of=pairs.ids[caption],
            is_wrong=image != caption,
            suspicion=suspicion,
            run_id=run_id,
        )
        for image, caption, suspicion in chosen
    ]
    return sorted(items, key=lambda item: item.card)


def blind_result(items: pd.DataFrame, answers: pd.DataFrame, annotator: str | None = None) -> BlindResult:
    """Judge the ranking and an annotator, or all of them together.

    Args:
        items: `BlindStore.items`.
        answers: `BlindStore.answers`; a person's last answer to a card counts.
        annotator: only this person's; everybody's if None.
    """
    mine = answers if annotator is None else answers[answers["annotator"] == annotator]
    last = mine.drop_duplicates(["card", "annotator"], keep="last")
    table = last.merge(items[["card", "is_wrong"]], on="card")
    called = table["verdict"].map(VERDICTS)
    is_right = called == table["is_wrong"]
    rates = []
    for wrong in (False, True):
        own = (table["is_wrong"] == wrong) & called.notna()
        rates.append(_rate(int((own & is_right).sum()), int(own.sum())))
    area = _area(items)
    return BlindResult(rates[0], rates[1], int(called.isna().sum()), *area)


def _swaps(pairs: Pairs, shown: pd.DataFrame, rows: list[int], number: int) -> list[tuple[int, int]]:
    """Images with the caption of another pair; every pair gives its image or its caption, to one card."""
    content = shown.loc[pairs.ids[rows], ["image", "caption"]].to_numpy(object)
    left, swaps = list(range(len(rows))), []

    def differ(one: int, other: int) -> bool:
        own = None if pairs.label is None else pairs.label[rows[one]]
        return (own is None or own != pairs.label[rows[other]]) and bool((content[one] != content[other]).all())

    while len(left) > 1 and len(swaps) < number:
        image = left.pop(0)
        place = next((place for place, other in enumerate(left) if differ(image, other)), None)
        if place is not None:
            swaps.append((rows[image], rows[left.pop(place)]))
    return swaps


def _rate(right: int, asked: int, confidence: float = 0.9) -> Rate:
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, right, asked - right + 1)) if right else 0.0
    high = float(beta.ppf(1 - tail, right + 1, asked - right)) if right < asked else 1.0
    return Rate(right, asked, low, high)


def _area(items: pd.DataFrame, confidence: float = 0.9) -> tuple[float | None, float | None, float | None]:
    """AUROC of suspicion among the cards; interval on the logit scale, by the variance of Hanley and McNeil (1982)."""
    from scipy.special import expit, logit
    from scipy.stats import norm, rankdata

    scored = items[items["suspicion"].notna()]
    wrong = scored["is_wrong"].to_numpy(bool)
    num_wrong, num_right = int(wrong.sum()), int((~wrong).sum())
    if not num_wrong or not num_right:
        return None, None, None
    ranks = rankdata(scored["suspicion"].to_numpy(np.float64))
    area = (ranks[wrong].sum() - num_wrong * (num_wrong + 1) / 2) / (num_wrong * num_right)
    held = min(max(area, 0.5 / (num_wrong * num_right)), 1 - 0.5 / (num_wrong * num_right))
    q1, q2 = held / (2 - held), 2 * held**2 / (1 + held)
    variance = held * (1 - held) + (num_wrong - 1) * (q1 - held**2) + (num_right - 1) * (q2 - held**2)
    width = norm.ppf((1 + confidence) / 2) * np.sqrt(variance / (num_wrong * num_right)) / (held * (1 - held))
    return float(area), float(expit(logit(held) - width)), float(expit(logit(held) + width))
