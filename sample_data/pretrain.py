"""Phase A: the model from scratch, on clean scenes that are not in the data set."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from captions import caption, short_caption
from clip_model import LOGIT_SCALE, to_pixels, to_tokens
from planting import CONFUSIONS
from scenes import render
from torch import Tensor, nn
from transformers import CLIPModel, PreTrainedTokenizerFast
from vocabulary import CLASSES, COLOURS, TIMES, WEATHERS, Scene, draw_scene

NUM_SCENES = 20_000
PARTS = 2
"""the scenes are drawn by this many processes; a part has its own seed, so the number is part of the recipe"""
SEED = 900_000
_PLACES = ("meadow", "beach", "street", "snow", "desert", "lake", "room")
_ATTRIBUTES = {"kind": CLASSES, "colour": tuple(COLOURS), "count": (1, 2, 3, 4), "place": _PLACES, "time": TIMES,
               "weather": WEATHERS}  # fmt: skip


@dataclass(frozen=True)
class Pretraining:
    """The recipe of one stage of phase A."""

    steps: int
    alike: float
    """share of batches whose scenes share place and time, so that only kind, colour, count and weather differ"""
    short_captions: float
    """share of captions that name only the things, as the prompts do"""
    seed: int
    batch_size: int = 128
    learning_rate: float = 1.5e-3
    """the highest, after a warm-up of 8 % and before a cosine to zero"""
    weight_decay: float = 0.05
    attribute_weight: float = 0.5
    """weight of six linear read-outs (kind, colour, …) of the image feature, thrown away afterwards"""


STAGES = (
    Pretraining(steps=1300, alike=0.0, short_captions=0.0, seed=0),
    Pretraining(steps=1200, alike=0.7, short_captions=0.15, seed=1),
)
"""first what is easy (place, time, colour), then what is alike but for the things"""


def clean_scenes(part: int) -> tuple[np.ndarray, list[Scene]]:
    """One part of the clean scenes: images `[scenes, 128, 128, 3]` bytes, and what they hold."""
    rng = random.Random(SEED + part)
    scenes = [draw_scene(rng) for _ in range(NUM_SCENES // PARTS)]
    return np.stack([np.asarray(render(scene, rng.randrange(2**31))) for scene in scenes]), scenes


def all_clean_scenes() -> tuple[np.ndarray, list[Scene]]:
    """All parts, drawn in parallel, without the scenes in a confusion's cluster.

    So only the train split says what the things in the clusters are called.
    """
    with ProcessPoolExecutor(PARTS) as pool:
        parts = list(pool.map(clean_scenes, range(PARTS)))
    scenes = [scene for _, part in parts for scene in part]
    kept = [k for k, scene in enumerate(scenes) if not any(confusion.holds(scene) for confusion in CONFUSIONS)]
    return np.concatenate([images for images, _ in parts])[kept], [scenes[k] for k in kept]


def pretrain(
    model: CLIPModel,
    tokenizer: PreTrainedTokenizerFast,
    data: tuple[np.ndarray, list[Scene]],
    recipe: Pretraining,
) -> Iterator[tuple[int, float]]:
    """Train in place.

    Args:
        model: untrained.
        tokenizer: of the captions.
        data: what `all_clean_scenes` gives; each scene gets a new caption every time it is seen.
        recipe: steps and rates.

    Yields:
        (step, contrastive loss in nats per pair), after every step.
    """
    images, scenes = data
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    answers, read_outs = attribute_answers(scenes), attribute_read_outs()
    optimization = Optimization(model, read_outs, recipe)
    model.train()
    for step, batch in enumerate(clean_batches(scenes, recipe, rng), 1):
        tokens = to_tokens(tokenizer, [any_caption(scenes[k], rng, recipe) for k in batch])
        yield step, optimization.step(augmented(images[batch], rng), tokens, answers, batch)
    model.eval()


def attribute_answers(scenes: list[Scene]) -> dict[str, Tensor]:
    """For each attribute the index of its value, `[scenes]`."""
    return {name: torch.tensor([list(values).index(getattr(scene, name)) for scene in scenes])
            for name, values in _ATTRIBUTES.items()}  # fmt: skip


def attribute_read_outs() -> nn.ModuleDict:
    """One linear classifier of the image feature per attribute."""
    return nn.ModuleDict({name: nn.Linear(128, len(values)) for name, values in _ATTRIBUTES.items()})


class Optimization:
    """AdamW over model and read-outs with one warm-up and one cosine."""

    def __init__(self, model: CLIPModel, read_outs: nn.ModuleDict, recipe: Pretraining) -> None:
        self._model, self._read_outs, self._recipe = model, read_outs, recipe
        self._parameters = [*model.parameters(), *read_outs.parameters()]
        self._optimizer = torch.optim.AdamW(
            self._parameters, recipe.learning_rate, (0.9, 0.98), weight_decay=recipe.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, recipe.learning_rate, recipe.steps, pct_start=0.08
        )

    def step(self, pixels: Tensor, tokens: dict[str, Tensor], answers: dict[str, Tensor], scenes: list[int]) -> float:
        """One step.

        Args:
            pixels: images of the batch; the first ones are clean scenes.
            tokens: their captions.
            answers: of all clean scenes.
            scenes: positions of the batch's clean scenes.

        Returns:
            The contrastive loss, nats per pair.
        """
        loss, attributes = _losses(self._model, self._read_outs, pixels, tokens, answers, scenes)
        (loss + self._recipe.attribute_weight * attributes).backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._schedule.step()
        with torch.no_grad():
            self._model.logit_scale.clamp_(max=float(np.log(LOGIT_SCALE)))
        return loss.item()


def clean_batches(scenes: list[Scene], recipe: Pretraining, rng: random.Random) -> Iterator[list[int]]:
    """Positions of the scenes of each step's batch."""
    everyone, settings = list(range(len(scenes))), {}
    for k, scene in enumerate(scenes):
        settings.setdefault((scene.place, scene.time), []).append(k)
    groups = list(settings.values())
    for _ in range(recipe.steps):
        group = everyone
        if rng.random() < recipe.alike:
            group = rng.choices(groups, [len(g) for g in groups])[0]
        yield rng.sample(group, min(recipe.batch_size, len(group)))


def any_caption(scene: Scene, rng: random.Random, recipe: Pretraining) -> str:
    """A new caption of a scene: now and then a short one."""
    return short_caption(scene, rng) if rng.random() < recipe.short_captions else caption(scene, rng)


def augmented(images: np.ndarray, rng: random.Random) -> Tensor:
    """Pixels of the images, half of them mirrored."""
    pixels = to_pixels(images)
    mirrored = torch.tensor([rng.random() < 0.5 for _ in images])
    return torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)


def _losses(
    model: CLIPModel,
    read_outs: nn.ModuleDict,
    pixels: Tensor,
    tokens: dict[str, Tensor],
    answers: dict[str, Tensor],
    batch: list[int],
) -> tuple[Tensor, Tensor]:
    image = model.vision_model(pixel_values=pixels).pooler_output
    text = model.text_model(**tokens).pooler_output
    u = nn.functional.normalize(model.text_projection(text), dim=-1)
    v = nn.functional.normalize(model.visual_projection(image), dim=-1)
    logits, own = model.logit_scale.exp() * u @ v.T, torch.arange(len(pixels))
    contrastive = (nn.functional.cross_entropy(logits, own) + nn.functional.cross_entropy(logits.T, own)) / 2
    attributes = [
        nn.functional.cross_entropy(read_outs[name](image[: len(batch)]), answers[name][batch]) for name in answers
    ]
    return contrastive, torch.stack(attributes).sum() / 6
