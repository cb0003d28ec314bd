"""Phase B: the whole model meets a noisy train split, among clean scenes that keep what it knows.

Clean scenes in the confusions' clusters are left out, so that only the train split says what these are called.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from clip_model import to_tokens
from planting import CONFUSIONS
from pretrain import (
    Optimization,
    Pretraining,
    any_caption,
    attribute_answers,
    attribute_read_outs,
    augmented,
    clean_batches,
)
from transformers import CLIPModel, PreTrainedTokenizerFast
from vocabulary import Scene

CLEAN = Pretraining(steps=400, alike=0.5, short_captions=0.35, seed=2, batch_size=96, learning_rate=6e-4)


@dataclass(frozen=True)
class Exposure:
    """The recipe of phase B."""

    clean: Pretraining = CLEAN
    noisy_batch_size: int = 40
    """train pairs in each batch, beside the clean ones"""


def expose(
    model: CLIPModel,
    tokenizer: PreTrainedTokenizerFast,
    clean: tuple[np.ndarray, list[Scene]],
    noisy: tuple[np.ndarray, list[str]],
    recipe: Exposure,
) -> Iterator[tuple[int, float]]:
    """Train in place.

    Args:
        model: of phase A.
        tokenizer: of the captions.
        clean: clean images and scenes.
        noisy: images and captions of the train split.
        recipe: sizes and rates.

    Yields:
        (step, contrastive loss in nats per pair), after every step.
    """
    kept = [k for k, scene in enumerate(clean[1]) if not any(confusion.holds(scene) for confusion in CONFUSIONS)]
    scenes = [clean[1][k] for k in kept]
    torch.manual_seed(recipe.clean.seed)
    rng = random.Random(recipe.clean.seed)
    optimization, answers = Optimization(model, attribute_read_outs(), recipe.clean), attribute_answers(scenes)
    model.train()
    order: list[int] = []
    for step, batch in enumerate(clean_batches(scenes, recipe.clean, rng), 1):
        if len(order) < recipe.noisy_batch_size:
            order = rng.sample(range(len(noisy[1])), len(noisy[1]))
        own, order = order[: recipe.noisy_batch_size], order[recipe.noisy_batch_size :]
        images = np.concatenate([clean[0][[kept[k] for k in batch]], noisy[0][own]])
        texts = [any_caption(scenes[k], rng, recipe.clean) for k in batch] + [noisy[1][k] for k in own]
        yield step, optimization.step(augmented(images, rng), to_tokens(tokenizer, texts), answers, batch)
    model.eval()
