"""A data set with a linear ground truth: both sides see one hidden vector, and some captions are exchanged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from engine.crossfit.inputs import PairInputs
from engine.models.interface import Heads


@dataclass(frozen=True)
class Planted:
    """Pairs and the truth about them."""

    inputs: PairInputs
    is_wrong: np.ndarray


def planted(
    num_pairs: int = 300,
    share: float = 0.2,
    num_validation: int = 0,
    num_captions: int | None = None,
    labels: bool = False,
    dim: int = 16,
    seed: int = 0,
    signal: float = 1.0,
) -> Planted:
    """Draw pairs in float64.

    Args:
        num_pairs: to score.
        share: of them gets another one's caption.
        num_validation: right pairs beside them.
        num_captions: only so many different captions, as class prompts; None: one each.
        labels: captions carry their class, modulo 5.
        dim: of the features of both sides.
        seed: of everything.
        signal: size of what both sides share; 0: they have nothing to do with each other.
    """
    generator = np.random.default_rng(seed)
    total, hidden_dim = num_pairs + num_validation, 8
    caption_ids = np.arange(total) if num_captions is None else generator.integers(0, num_captions, total)
    meaning = generator.normal(size=(caption_ids.max() + 1, hidden_dim))[caption_ids]
    views = generator.normal(size=(2, hidden_dim, dim))
    image = signal * meaning @ views[0] + 0.7 * generator.normal(size=(total, dim))
    noise = generator.normal(size=(caption_ids.max() + 1, dim))[caption_ids]  # equal captions have equal features
    text = signal * meaning @ views[1] + 0.7 * noise
    original, carried = caption_ids, np.arange(total)
    chosen = generator.permutation(num_pairs)[: round(share * num_pairs)]
    carried[chosen] = np.roll(chosen, 1)
    caption_ids, text = caption_ids[carried], text[carried]
    heads = Heads(*(torch.from_numpy(generator.normal(size=(6, dim))) for _ in range(2)), torch.tensor(2.0).double())

    def part(rows: slice, validation: PairInputs | None) -> PairInputs:
        ids = caption_ids[rows]
        return PairInputs(
            image=torch.from_numpy(image[rows]),
            text=torch.from_numpy(text[rows]),
            caption_ids=ids,
            image_ids=np.arange(total)[rows],
            labels=ids % 5 if labels else np.full(len(ids), -1),
            num_classes=5 if labels else 0,
            captions=tuple(f"caption {one}" for one in ids),
            validation=validation,
            heads=heads,
        )

    held_out = part(slice(num_pairs, None), None) if num_validation else None
    is_wrong = (original != caption_ids)[:num_pairs]  # an exchange among equal captions changes nothing
    return Planted(part(slice(0, num_pairs), held_out), is_wrong)


def with_equal_captions(inputs: PairInputs) -> PairInputs:
    """The same pictures, all with the first caption."""
    return inputs.with_captions(np.zeros(len(inputs), dtype=np.int64))


def with_constant(inputs: PairInputs, side: str) -> PairInputs:
    """The same pairs with features of one side that say nothing."""
    return replace(inputs, **{side: torch.full_like(getattr(inputs, side), 0.1)})
