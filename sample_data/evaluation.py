"""What the model card says: zero-shot accuracy inside and outside the confusions' clusters, and retrieval recall."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from clip_model import penultimate
from finetune import Heads
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPModel, PreTrainedTokenizerFast
from vocabulary import KINDS


@dataclass(frozen=True)
class Split:
    """Penultimate features of one split, and what is known about its pairs."""

    pairs: pd.DataFrame
    image: Tensor
    """`[pairs, 128]`"""
    text: Tensor
    """`[pairs, 128]`"""


@dataclass(frozen=True)
class Measured:
    """Figures of one state of the heads on the test split; shares from 0 to 1."""

    accuracy: float
    accuracy_outside: float
    accuracy_inside: float
    flipped: dict[str, float]
    """confusion → share of its test pictures that are taken for the sibling class"""
    recall_at_1: float
    recall_at_5: float
    """mean of both directions, among the captions (pictures) of the whole split"""


def read_split(folder: Path, split: str, model: CLIPModel, tokenizer: PreTrainedTokenizerFast) -> Split:
    """Read the usable pairs of a split (image readable, caption not empty) and embed them.

    Args:
        folder: holds pairs.csv and images/.
        split: train, validation or test.
        model: gives the penultimate features.
        tokenizer: of the model.
    """
    table, images = read_pairs(folder, split)
    return Split(table, *penultimate(model, tokenizer, images, table["caption"].tolist()))


def read_pairs(folder: Path, split: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The usable pairs of a split, and their images `[pairs, 128, 128, 3]`."""
    table = pd.read_csv(folder / "pairs.csv", keep_default_na=False)
    table = table[(table["split"] == split) & (table["caption"] != "")]
    pictures = {row.pair_id: _picture(folder / row.image) for row in table.itertuples()}
    table = table[[pictures[pair_id] is not None for pair_id in table["pair_id"]]].reset_index(drop=True)
    return table, np.stack([pictures[pair_id] for pair_id in table["pair_id"]])


def _picture(path: Path) -> np.ndarray | None:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError:
        return None  # the planted unreadable file


@torch.no_grad()
def measure(folder: Path, heads: Heads, test: Split, prompts: Tensor) -> Measured:
    """Evaluate heads on the test split.

    Args:
        folder: holds classes.txt and ground_truth.csv.
        heads: the state to measure.
        test: the test split.
        prompts: penultimate features of all class prompts, class by class.
    """
    classes = (folder / "classes.txt").read_text(encoding="utf-8").split()
    images = heads.images(test.image)
    class_features = normalize(heads.texts(prompts).reshape(len(classes), -1, images.shape[1]).mean(1), dim=-1)
    predicted = np.array(classes)[(images @ class_features.T).argmax(1).numpy()]
    truth = pd.read_csv(folder / "ground_truth.csv", keep_default_na=False).set_index("pair_id")["confusion"]
    confusion = test.pairs["pair_id"].map(truth).fillna("").to_numpy()
    label = test.pairs["label"].to_numpy()
    right, inside = predicted == label, confusion != ""
    sibling = np.array([KINDS[name].sibling for name in label])
    flipped = {name: float((predicted == sibling)[confusion == name].mean()) for name in sorted(set(confusion) - {""})}
    similarity = images @ heads.texts(test.text).T
    ranks = torch.cat([(s > s.diagonal()[:, None]).sum(1) for s in (similarity, similarity.T)])
    return Measured(
        float(right.mean()), float(right[~inside].mean()), float(right[inside].mean()), flipped,
        float((ranks < 1).float().mean()), float((ranks < 5).float().mean()),
    )  # fmt: skip


def report(measured: dict[str, Measured]) -> str:
    """A Markdown table, one column per state."""
    rows = {
        "zero-shot accuracy, all 300 test pictures": [m.accuracy for m in measured.values()],
        "… outside the clusters": [m.accuracy_outside for m in measured.values()],
        "… inside the clusters": [m.accuracy_inside for m in measured.values()],
    }
    for name in next(iter(measured.values())).flipped:
        rows[f"taken for the sibling: `{name}`"] = [m.flipped[name] for m in measured.values()]
    rows["retrieval recall@1"] = [m.recall_at_1 for m in measured.values()]
    rows["retrieval recall@5"] = [m.recall_at_5 for m in measured.values()]
    lines = [f"| on the clean test split | {' | '.join(measured)} |", "|---|" + "---:|" * len(measured)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(f'{v:.3f}' for v in row)} |" for name, row in rows.items())])
