"""Noise that is planted in a training split, so that it is known which pairs are wrong. No torch.

A pair is wrong where the caption it carries afterwards is neither a caption of its picture nor of a copy of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.errors import ConfigError

NEAREST = 10
"""distinct captions among which a near one is chosen"""
CAPTIONS_AT_ONCE = 1024
ROUNDS = 200


@dataclass(frozen=True)
class PairFacts:
    """What planting needs to know of the pairs; every array has one row per pair."""

    caption_ids: np.ndarray
    """integers: pairs with equal captions share one"""
    image_ids: np.ndarray
    """integers: pairs with equal pictures share one"""
    labels: np.ndarray
    """class index, −1 without a label"""
    text: np.ndarray
    """features of the captions, `[pairs, text_dim]`; equal captions have equal features"""

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.caption_ids)


@dataclass(frozen=True)
class Noise:
    """Which caption every pair carries, and whether it is wrong."""

    positions: np.ndarray
    """the pair whose caption it now carries, or itself, `[pairs]`"""
    is_wrong: np.ndarray
    """bool `[pairs]`"""
    is_judged: np.ndarray
    """bool `[pairs]`: False where the truth does not say"""


def plant(kind: str, facts: PairFacts, ratio: float, seed: int) -> Noise:
    """Give a share of the pairs wrong captions.

    Args:
        kind: shuffled (captions permuted among random pairs), near (couples of pairs with near captions swap them) or
            confusion (random pairs of each class get a caption of the one class that this class is confused with).
        facts: of the pairs.
        ratio: share of the pairs, 0 … 1.
        seed: another one gives other noise; the same gives the same.

    Raises:
        ConfigError: if the pairs do not allow it.
    """
    generator = np.random.default_rng([seed, sorted(KINDS).index(kind), round(1e6 * ratio)])
    positions = KINDS[kind](facts, round(ratio * len(facts)), generator)
    return Noise(positions, ~_fits(facts)(np.arange(len(facts)), positions), np.ones(len(facts), dtype=bool))


def recorded(is_wrong: np.ndarray, is_judged: np.ndarray) -> Noise:
    """Noise that the pairs have already: nothing is planted."""
    return Noise(np.arange(len(is_wrong)), is_wrong, is_judged)


def _shuffled(facts: PairFacts, count: int, generator: np.random.Generator) -> np.ndarray:
    """A permutation of the chosen pairs' captions that leaves none of them with a caption that fits."""
    chosen, fits = generator.choice(len(facts), count, replace=False), _fits(facts)
    given = generator.permutation(chosen)
    for _ in range(ROUNDS):
        bad = np.flatnonzero(fits(chosen, given))
        if not len(bad):
            break
        for one in bad:
            other = int(generator.integers(count))
            if not fits(chosen[[one, other]], given[[other, one]]).any():
                given[[one, other]] = given[[other, one]]
    else:
        raise _impossible("shuffled", count, count - len(bad))
    positions = np.arange(len(facts))
    positions[chosen] = given
    return positions


def _near(facts: PairFacts, count: int, generator: np.random.Generator) -> np.ndarray:
    """Swaps between couples of pairs whose captions are among each other's nearest, one way at least."""
    codes, nearest = _nearest_captions(facts)
    free: list[list[int]] = [[] for _ in range(len(nearest))]
    for pair in generator.permutation(len(facts)):
        free[codes[pair]].append(int(pair))
    fits, positions, swapped = _fits(facts), np.arange(len(facts)), 0
    for pair in generator.permutation(len(facts)):
        if swapped >= count - count % 2:
            break
        if positions[pair] != pair:
            continue
        candidates = [code for code in nearest[codes[pair]] if free[code]]
        if not candidates:
            continue
        partner = free[candidates[int(generator.integers(len(candidates)))]][-1]
        if fits(np.array([pair, partner]), np.array([partner, pair])).any():
            continue
        positions[[pair, partner]] = partner, pair
        for one in (pair, partner):
            free[codes[one]].remove(one)
        swapped += 2
    if swapped < count - count % 2:
        raise _impossible("near", count, swapped)
    return positions


def _confusion(facts: PairFacts, count: int, generator: np.random.Generator) -> np.ndarray:
    """Captions of the next class of a random circle of classes, for random labelled pairs."""
    classes, labelled = np.unique(facts.labels[facts.labels >= 0]), np.flatnonzero(facts.labels >= 0)
    if len(classes) < 2 or len(labelled) < count:
        raise ConfigError(
            f"{count} pairs with labels of at least two classes for confusion noise",
            f"{len(labelled)} of {len(classes)}",
            "Leave confusion out of --noise.",
        )
    circle = generator.permutation(classes)
    positions = np.arange(len(facts))
    chosen = generator.choice(labelled, count, replace=False)
    for own, other in zip(circle, np.roll(circle, 1), strict=True):
        some = chosen[facts.labels[chosen] == own]
        positions[some] = generator.choice(np.flatnonzero(facts.labels == other), len(some))
    return positions


KINDS: dict[str, Callable[[PairFacts, int, np.random.Generator], np.ndarray]] = {
    "shuffled": _shuffled,
    "near": _near,
    "confusion": _confusion,
}


def _fits(facts: PairFacts) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Whether the captions of some pairs fit the pictures of others: (pictures, captions) → bool, by position."""
    width = int(facts.caption_ids.max()) + 1
    known = np.unique(facts.image_ids * width + facts.caption_ids)

    def fits(pictures: np.ndarray, captions: np.ndarray) -> np.ndarray:
        return np.isin(facts.image_ids[pictures] * width + facts.caption_ids[captions], known)

    return fits


def _nearest_captions(facts: PairFacts) -> tuple[np.ndarray, np.ndarray]:
    """Each pair's distinct caption, `[pairs]`, and the nearest other ones of each by cosine, nearest first."""
    _, first, codes = np.unique(facts.caption_ids, return_index=True, return_inverse=True)
    text = facts.text[first].astype(np.float64)
    text = text - text.mean(0)
    text /= np.linalg.norm(text, axis=1, keepdims=True).clip(min=1e-12)
    most = min(NEAREST, len(first) - 1)
    parts = []
    for start in range(0, len(text), CAPTIONS_AT_ONCE):
        likeness = text[start : start + CAPTIONS_AT_ONCE] @ text.T
        rows = np.arange(len(likeness))
        likeness[rows, start + rows] = -np.inf
        parts.append(np.argsort(-likeness, axis=1, kind="stable")[:, :most])
    return codes, np.concatenate(parts)


def _impossible(kind: str, count: int, found: int) -> ConfigError:
    return ConfigError(
        f"--ratios that {kind} noise can reach: wrong captions for {count} pairs",
        f"at most {found}: the captions are too much alike",
        "Choose smaller ratios, or another kind.",
    )
