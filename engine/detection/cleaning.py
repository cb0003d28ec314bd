"""What cleaning is worth: heads trained after each way of cleaning, and what they get right on held-out pairs.

none       all pairs as they are
flagged    the most suspicious pairs are dropped (or relabelled: they get their own captions back)
random     as many random pairs
oracle     exactly the wrong pairs
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from engine.crossfit.inputs import PairInputs
from engine.detection.noise import Noise
from engine.detection.options import UsefulnessOptions
from engine.directional import Features
from engine.finetune.learners import HEAD_FIELDS, HeadsLearner
from engine.finetune.recipe import Recipe
from engine.finetune.training import fit, training_task
from engine.models.interface import Heads
from engine.pairs import PairSet
from engine.queries import class_features
from engine.runs import RunFolder
from engine.sources import HeadsSource
from engine.study import load_features

ACCURACY, RECALLS, RANK = "accuracy", {"recall at 1": 1, "recall at 10": 10}, "mean reciprocal rank"


@dataclass(frozen=True)
class Bench:
    """A run on which cleaned training sets are tried."""

    inputs: PairInputs
    """the training pairs as they are"""
    train: pd.DataFrame
    """their rows of the pairs table"""
    validation: pd.DataFrame
    """the rows of the validation pairs"""
    test: pd.DataFrame
    """the rows of the test pairs (of the validation pairs, where there is no test split)"""
    source: HeadsSource
    """features of all pairs, heads at the start"""
    classes: tuple[str, ...]
    """that the prompts stand for; empty without prompts"""
    run: RunFolder


def bench_of(run: RunFolder, inputs: PairInputs) -> Bench:
    """The bench of a run whose features are finished."""
    pairs = run.table("pairs")
    train, validation, test = (pairs[pairs["split"] == split] for split in ("train", "validation", "test"))
    source, classes = load_features(run.path / "features", run.config)
    return Bench(inputs, train, validation, test if len(test) else validation, source, classes, run)


def chosen_pairs(arm: str, suspicion: np.ndarray, noise: Noise, count: int, seed: int) -> np.ndarray:
    """Positions of the pairs that an arm cleans.

    Args:
        arm: of `ARMS`.
        suspicion: `[pairs]`, higher is more suspect.
        noise: which pairs are wrong.
        count: pairs that are flagged.
        seed: of the random arm.
    """
    if arm == "flagged":
        return np.argsort(-suspicion, kind="stable")[:count]
    if arm == "random":
        return np.random.default_rng([seed, count]).choice(len(suspicion), count, replace=False)
    return np.flatnonzero(noise.is_wrong) if arm == "oracle" else np.empty(0, dtype=np.int64)


def trained_heads(
    bench: Bench, given: PairInputs, noise: Noise, chosen: np.ndarray, options: UsefulnessOptions, seed: int
) -> Heads:
    """Heads trained on the pairs after cleaning, from the run's heads on; the same batches for every arm.

    Args:
        bench: the run.
        given: the noisy pairs.
        noise: that made them so.
        chosen: positions of the pairs that are dropped or relabelled.
        options: of the training.
        seed: of the batches.
    """
    left_out, positions = chosen, noise.positions
    if options.action == "relabel":
        positions, left_out = positions.copy(), np.empty(0, dtype=np.int64)
        positions[chosen] = chosen
    cleaned = bench.inputs.with_captions(positions)
    train = bench.train.assign(caption=cleaned.captions)
    validation = bench.validation.assign(caption=given.validation.captions)
    config = bench.run.config
    recipe = Recipe(
        pairs=config.pairs, model=config.model, out=str(bench.run.path), loss=config.loss, seed=seed,
        epochs=options.epochs, learning_rate=options.learning_rate, damping=options.train_damping,
        batch_size=min(options.batch_size, len(train)), dtype=config.dtype,
    )  # fmt: skip
    task = training_task(recipe, PairSet(pd.concat([train, validation]), pd.DataFrame()))
    image, text = (torch.cat([getattr(cleaned, kind), getattr(given.validation, kind)]) for kind in ("image", "text"))
    learner = HeadsLearner(replace(bench.source, image=image, text=text, log_logit_scale=False))
    found = fit(task, learner, left_out, None, lambda done, of: None).parameters
    return replace(bench.source.heads, **{HEAD_FIELDS[name]: part for name, part in found.items()})


@torch.no_grad()
def right_answers(bench: Bench, heads: Heads) -> dict[str, np.ndarray]:
    """What the heads get right on the test pairs, by measure.

    Returns:
        accuracy: `[labelled test pairs]`, bool, the right class is the most similar one, where pairs have labels. Class
        texts are the run's prompts, or without an encoder the test captions of the class.
        recall at 1, recall at 10: `[test pairs]`, 0, ½ or 1: a caption of the image is among the most similar of all
        test captions, and an image of the caption among the images; where captions tell pairs apart.
        mean reciprocal rank: `[test pairs]`, 0 … 1, of the first right answer, both ways; it varies less than recall.
    """
    source = replace(bench.source, heads=heads)
    positions = torch.as_tensor(bench.test["pair_index"].to_numpy(copy=True))
    everyone = torch.arange(len(positions))
    features = source.pairs(positions).features(everyone, everyone)
    found, captions = {}, bench.test["caption"].to_numpy(dtype=object)
    if bench.test["label"].notna().any():
        found[ACCURACY] = _classified(bench, source, features)
    if len(set(captions)) > len(captions) / 2:
        codes = torch.as_tensor(pd.factorize(captions)[0])
        likeness = (features.image @ features.text.T).cpu()
        same = codes[:, None] == codes
        ahead = [_ahead(likeness, same), _ahead(likeness.T, same)]
        found |= {name: np.mean([one < depth for one in ahead], axis=0) for name, depth in RECALLS.items()}
        found[RANK] = np.mean([1 / (1 + one) for one in ahead], axis=0)
    return found


def _ahead(likeness: torch.Tensor, same: torch.Tensor) -> np.ndarray:
    """How many answers come before the best right one, `[queries]`."""
    own = likeness.masked_fill(~same, float("-inf")).max(1, keepdim=True).values
    return (likeness > own).sum(1).numpy()


def _classified(bench: Bench, source: HeadsSource, features: Features) -> np.ndarray:
    labels = bench.test["label"].to_numpy(dtype=object)
    if source.num_prompts:
        names, nobody = list(bench.classes), torch.arange(0)
        prompts = source.zero_shot(nobody).features(torch.arange(source.num_prompts), nobody).text
        texts = class_features(prompts, source.num_prompts // len(names))
    else:
        names = sorted(set(bench.test["label"].dropna()))
        means = [features.text[torch.as_tensor(np.flatnonzero(labels == name))].mean(0) for name in names]
        texts = torch.stack([mean / mean.norm() for mean in means])
    known = np.isin(labels, names)
    predicted = (features.image @ texts.T).argmax(1).cpu().numpy()
    return np.array(names, dtype=object)[predicted[known]] == labels[known]
