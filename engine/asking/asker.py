"""The engine behind a question: a run's model and features, loaded once; the picture becomes a query like any other.

Picture and caption go through the preprocessing of the run, the query loss through the gradients of `engine.queries`,
its gradient through `engine.scoring` like that of a stored trace. A caption is asked about as one pair in a batch with
seeded validation pairs, because the loss of a pair depends on what it is compared with:

    loss = ½(−log P_11 − log Q_11),  pair 1 = (picture, caption), pairs 2 … N = validation pairs,  N = batch_size

Validation pairs with the same caption or the same picture file stay out: they are not negatives of it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from engine.asking.answer import Answer, Explanation, Fit
from engine.asking.askable import check_askable
from engine.asking.question import MAX_PICTURE_PIXELS, Question, read_picture
from engine.asking.tracer import Tracer
from engine.config import LEAST_PAIRS
from engine.directional import Features, HeadsFeatureMap
from engine.embedding import load_for
from engine.errors import ConfigError, ModelError
from engine.models import model_hash
from engine.models.interface import DualEncoder
from engine.pairs.images import decode
from engine.queries import class_logits, classification_gradients, retrieval_gradients, retrieve
from engine.runs import RunFolder
from engine.scoring import both_sides, influence_of
from engine.sources import HeadsSource
from engine.study import Study

Report = Callable[[str], None]
STEPS = ("embedding", "tracing")
"""what `answer` reports it is about to do, in this order"""


def ask(
    run: RunFolder, image: str | Path, caption: str | None = None, label: str | None = None, top: int = 10
) -> Answer:
    """What the model of a run says of an image file, and the training pairs behind it.

    Args:
        run: with finished scores, tier heads, and a model that can be loaded.
        image: the file.
        caption: explain how this caption fits.
        label: explain the probability of this class; without it and without a caption, that of the model's own answer.
        top: most pairs per side.

    Raises:
        EcifError: whatever a user can mend, as one sentence.
    """
    question = Question(read_picture(image), caption, label, top)
    return Asker.open(run).answer(question)


@dataclass(frozen=True)
class Asker:
    """A run that can be asked about any picture."""

    study: Study
    source: HeadsSource
    """of the study"""
    model: DualEncoder
    """embeds the picture and its caption"""
    scores: pd.DataFrame
    """of the run"""
    load_seconds: float

    @classmethod
    def open(cls, run: RunFolder, tracer: Tracer | None = None) -> Asker:
        """Load model, features and curvature of a run.

        Args:
            run: that is asked.
            tracer: of the run, where its features and curvature are loaded already.

        Raises:
            ConfigError: if the run studies more than the heads, or its features were given without an encoder.
            ModelError: if the model cannot be loaded, or is not the one that the run was computed with.
            RunFolderError: if the run's scores are not finished or cannot be read.
        """
        started, config = time.monotonic(), run.config
        check_askable(run)
        tracer = tracer or Tracer.open(run)
        if model_hash(config.model, config.adapter) != run.record["hashes"]["model"]:
            raise ModelError(
                "the model that the run was computed with",
                f"another one at {config.model}",
                "Put it back, or run again with the model as it is now.",
            )
        study = tracer.study
        return cls(study, study.source, load_for(config), tracer.scores, time.monotonic() - started)

    @torch.no_grad()
    def answer(self, question: Question, report: Report = lambda step: None) -> Answer:
        """Embed the picture and its caption, predict, and trace the predictions back.

        Args:
            question: what is asked.
            report: called with each of `STEPS` as it begins.

        Raises:
            RejectedImage: if the picture cannot be decoded or has too many pixels.
            ConfigError: if the label is none of the run's classes, or there is neither class nor caption to explain.
            ModelError: if the model gives features that are not finite.
        """
        self._check(question)
        started = time.monotonic()
        report("embedding")
        picture, (width, height) = decode(question.picture, MAX_PICTURE_PIXELS)
        image = self._on_device(self.model.penultimate_images(self.model.prepare_images([picture])))
        text = self.source.text[:0]
        if question.caption is not None:
            text = self._on_device(self.model.penultimate_texts(self.model.prepare_texts([question.caption])[0]))
        embedded = time.monotonic()
        report("tracing")
        everyone = torch.arange(len(image))
        own = self.source.map_of(text, image).features(torch.arange(len(text)), everyone)
        probabilities = self._probabilities(image)
        explanations, num_beside = [], 0
        if question.label is not None or (question.caption is None and len(probabilities)):
            explanations.append(self._of_class(image, question.label or probabilities["label"].iloc[0], question))
        if question.caption is not None:
            explanation, num_beside = self._of_caption(image, text, question)
            explanations.append(explanation)
        seconds = {"load": self.load_seconds, "embed": embedded - started}
        return Answer(
            width,
            height,
            probabilities,
            None if question.caption is None else self._fit(own, question.caption, num_beside),
            self._best_captions(own.image[0], question.top),
            tuple(explanations),
            self._nearest(own, question.top),
            {**seconds, "trace": time.monotonic() - embedded},
        )

    @cached_property
    def train_features(self) -> Features:
        """Unit features of the training pairs."""
        return self._features_of("train")

    def companions(self, picture: bytes, caption: str) -> Tensor:
        """Positions in the pairs table of the validation pairs that a caption is compared with, `[pairs]`.

        Raises:
            ConfigError: if the run has too few of them.
        """
        rows = self.study.rows("validation")
        same = (rows["caption"] == caption) | (rows["content_hash"] == hashlib.sha256(picture).hexdigest())
        others = rows.loc[~same, "pair_index"].to_numpy()
        config = self.study.config
        chosen = np.random.default_rng([config.seed, len(others)]).permutation(others)[: config.batch_size - 1]
        least = max(2, LEAST_PAIRS[config.loss]) - 1
        if len(chosen) < least:
            raise ConfigError(
                f"a run with at least {least} validation pairs to compare a caption with",
                str(len(chosen)),
                "Ask about a class instead, or run again with more validation pairs.",
            )
        return torch.as_tensor(np.sort(chosen))

    def caption_query(self, image: Tensor, text: Tensor, companions: Tensor) -> tuple[float, Tensor]:
        """Loss [nats] of picture and caption as a pair beside others, and its gradient `[1, parameters]`.

        Args:
            image: penultimate features of the picture, `[1, image_dim]`.
            text: those of the caption, `[1, text_dim]`.
            companions: positions of the other pairs of the batch in the pairs table.
        """
        companions = companions.to(image.device)
        batch = torch.arange(1 + len(companions))
        beside: HeadsFeatureMap = self.source.map_of(
            torch.cat([text, self.source.text[companions]]), torch.cat([image, self.source.image[companions]])
        )
        loss = retrieve(beside.features(batch, batch), self.study.loss).loss[0]
        asked = torch.zeros(1, dtype=torch.int64, device=image.device)
        return float(loss), retrieval_gradients(beside, self.study.loss, batch, asked)

    def class_query(self, image: Tensor, label: str) -> tuple[float, Tensor]:
        """−log probability [nats] of a class for a picture, and its gradient `[1, parameters]`.

        Args:
            image: penultimate features of the picture, `[1, image_dim]`.
            label: one of the run's classes.
        """
        truth = torch.tensor([self.study.classes.index(label)], device=image.device)
        zero_shot, templates = self.source.map_of(self.source.prompts, image), len(self.study.config.templates)
        features = zero_shot.features(torch.arange(self.source.num_prompts), torch.arange(1))
        loss = torch.nn.functional.cross_entropy(class_logits(features, templates), truth)
        gradient = classification_gradients(zero_shot, torch.arange(1), truth, self.source.num_prompts, templates)
        return float(loss), gradient

    def _check(self, question: Question) -> None:
        classes = self.study.classes
        if question.label is not None and question.label not in classes:
            shown = ", ".join(classes[:20]) + (", …" if len(classes) > 20 else "")
            raise ConfigError(
                "one of the run's classes", repr(question.label), f"Choose one of these: {shown or 'none'}."
            )
        if not classes and question.caption is None:
            raise ConfigError(
                "a caption", "none", "Write one: this run has no classes, so a picture alone asks nothing."
            )

    def _on_device(self, features: Tensor) -> Tensor:
        if not features.isfinite().all():
            raise ModelError(
                "finite features", "NaN or infinity for this picture or caption", "Try another, or --dtype float32."
            )
        return features.to(self.source.image.device, self.source.image.dtype)

    def _features_of(self, split: str) -> Features:
        everyone = torch.arange(len(self.study.rows(split)))
        return self.study.feature_map(split).features(everyone, everyone)

    def _probabilities(self, image: Tensor) -> pd.DataFrame:
        if not self.study.classes:
            return pd.DataFrame({"label": pd.Series(dtype=object), "probability": pd.Series(dtype=float)})
        zero_shot = self.source.map_of(self.source.prompts, image)
        features = zero_shot.features(torch.arange(self.source.num_prompts), torch.arange(1))
        values = class_logits(features, len(self.study.config.templates)).softmax(1)[0].cpu().numpy()
        order = np.argsort(-values, kind="stable")
        return pd.DataFrame({"label": np.array(self.study.classes, dtype=object)[order], "probability": values[order]})

    def _of_class(self, image: Tensor, label: str, question: Question) -> Explanation:
        about = "answer" if question.label is None else "label"
        return self._explained(about, label, *self.class_query(image, label), question.top)

    def _of_caption(self, image: Tensor, text: Tensor, question: Question) -> tuple[Explanation, int]:
        companions = self.companions(question.picture, question.caption)
        loss, gradient = self.caption_query(image, text, companions)
        return self._explained("caption", question.caption, loss, gradient, question.top), len(companions)

    def _explained(self, about: str, text: str, loss: float, gradient: Tensor, top: int) -> Explanation:
        found, solution = influence_of(self.study, gradient)
        sides = both_sides(self.study, self.scores, [about], found, top)
        return Explanation(about, text, loss, pd.concat(sides, ignore_index=True), solution.status.value)

    def _fit(self, own: Features, caption: str, num_beside: int) -> Fit:
        """Other captions are compared; the same text would tie with itself."""
        cosine, ranks = float(own.text[0] @ own.image[0]), {}
        for split in dict.fromkeys(("train", self.study.test_split)):
            captions = self.study.rows(split)["caption"].reset_index(drop=True)
            others = captions[~captions.duplicated() & (captions != caption)].index.to_numpy(copy=True)
            text = self.train_features.text if split == "train" else self._features_of(split).text
            better = (text[torch.from_numpy(others).to(text.device)] @ own.image[0] > cosine).sum()
            ranks[split] = (1 + int(better), 1 + len(others))
        return Fit(cosine, num_beside, ranks)

    def _best_captions(self, image: Tensor, top: int) -> pd.DataFrame:
        train = self.study.rows("train")[["pair_id", "caption"]].reset_index(drop=True)
        train["cosine"] = (self.train_features.text @ image).cpu().numpy()
        return train.drop_duplicates("caption").nlargest(top, "cosine", keep="first")

    def _nearest(self, own: Features, top: int) -> pd.DataFrame:
        pair_ids, parts = self.study.rows("train")["pair_id"].to_numpy(), []
        for kind, one, many in (
            ("image", own.image, self.train_features.image),
            ("caption", own.text, self.train_features.text),
        ):
            if not len(one):
                continue
            found = (many @ one[0]).topk(min(top, len(many)))
            ids = pair_ids[found.indices.cpu().numpy()]
            ranks = np.arange(1, len(ids) + 1)
            parts.append(
                pd.DataFrame({"kind": kind, "pair_id": ids, "similarity": found.values.cpu().numpy(), "rank": ranks})
            )
        return pd.concat(parts, ignore_index=True)
