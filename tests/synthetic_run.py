"""A run folder of any size, drawn from random numbers: for measuring pages, not for judging scores.

Every table has the columns of a real run; scores follow one hidden "is wrong" per pair, so that filters and orders
select what they would in a real run. Pictures are few and shared by many pairs.

    python tests/synthetic_run.py FOLDER 100000
"""

import contextlib
import hashlib
import io
import json
import sys
import time
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from engine.config import RunConfig
from engine.pairs.packs import pack_path, thumbnail_name
from engine.ranked_table import write_ranked
from engine.runs import FORMAT_VERSION, SIGN_CONVENTION, RunFolder, write_json

NUM_HELD_OUT = 300
NUM_PICTURES = 600
SHARE_WRONG = 0.1
DEPTH = 30
ROWS_PER_GROUP = 100_000
CLASSES = ["bird", "boat", "bus", "cat", "dog", "fox", "house", "tent", "tree", "van"]
WORDS = ["small", "red", "blue", "old", "quiet", "bright", "under", "beside", "behind", "the", "a", "two", "by",
         "night", "sea", "hill", "town", "road", "rain", "fog", "sand", "bridge", "market", "garden"]  # fmt: skip
LOSSES = ["caption_loss", "image_loss", "caption_association_loss", "image_association_loss", "alike_caption_loss",
          "alike_image_loss", "alike_caption_association_loss", "alike_image_association_loss",
          "lemon", "lemon_image", "lemon_text"]  # fmt: skip
FITS = ["similarity", "association", "margin", "label_quality", "model_similarity",
        "unseen_influence", "unseen_influence_positive", "unseen_influence_negative", "unseen_influence_related",
        "unseen_relative_influence", "unseen_self_influence"]  # fmt: skip
REASONS = ["Other captions fit this picture better; the caption is unlike the captions of similar pictures.",
           "The picture looks like another class.", "Picture and caption lie far apart.", ""]  # fmt: skip


def synthetic_run(runs_dir: Path, num_pairs: int, seed: int = 0, name: str = "synthetic") -> RunFolder:
    """Write a finished run of `num_pairs` training pairs into `runs_dir`; the same tables for the same arguments.

    Pictures, validation and test pairs are a few hundred whatever the size. Tables are written in pieces of
    `ROWS_PER_GROUP` pairs, so memory hardly grows with the size.
    """
    random = np.random.default_rng(seed)
    folder = RunFolder(runs_dir / f"{name}-{num_pairs}")
    folder.path.mkdir(parents=True)
    pictures = _pictures(folder.path / "thumbnails", random)
    wrong = random.random(num_pairs) < SHARE_WRONG
    suspicion = 1 / (1 + np.exp(3 - 4 * wrong - random.normal(size=num_pairs)))
    rank = np.empty(num_pairs, dtype=np.int64)
    rank[np.argsort(-suspicion, kind="stable")] = np.arange(1, num_pairs + 1)
    with contextlib.ExitStack() as stack:
        written = _Written(folder.path, stack)
        for first in range(0, num_pairs, ROWS_PER_GROUP):
            rows = np.arange(first, min(first + ROWS_PER_GROUP, num_pairs))
            train = _pairs(random, rows, "train", pictures)
            signals = _signals(random, train["pair_id"], wrong[rows], suspicion[rows], rank[rows])
            written.add("pairs", train)
            written.add("signals", signals)
            written.add("scores", _scores(random, train, signals, num_pairs))
            others = _others(random, rows, num_pairs, 4)
            written.add("disturbs", others[["pair_id", "other_pair_id", "influence"]])
            written.add("neighbours", _neighbours(random, rows, num_pairs))
            batches = {"segmentation": 0, "batch_index": rows // 128, "pair_id": train["pair_id"]}
            written.add("batches", pd.DataFrame(batches))
            if first == 0:
                written.add("suggestions", _suggestions(train, signals))
        written.add("map", _map(random, num_pairs))
        validation, test = (_held_out(random, num_pairs, pictures, number) for number in range(2))
        written.add("pairs", pd.concat([validation, test]))
        queries = _queries(random, test)
        written.add("queries", queries)
        written.add("traces", _traces(random, queries, num_pairs))
        rejects = {"row": [7], "image": ["gone.jpg"], "caption": ["x"], "reason": ["No such file."]}
        written.add("rejects", pd.DataFrame(rejects))
    _write_record(folder, num_pairs)
    write_ranked(folder)
    return folder


class _Written:
    """Parquet files that grow piece by piece."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack, self.files = folder, stack, {}

    def add(self, name: str, table: pd.DataFrame) -> None:
        """Add rows to a table."""
        schema = self.files[name].schema if name in self.files else None
        rows = pa.Table.from_pandas(table, schema, preserve_index=False)
        if name not in self.files:
            path = self.folder / f"{name}.parquet"
            self.files[name] = self.stack.enter_context(pq.ParquetWriter(path, rows.schema))
        self.files[name].write_table(rows)


def _ids(rows: np.ndarray) -> np.ndarray:
    return np.array([f"p{row:07d}" for row in rows], dtype=object)


def _held_out(random: np.random.Generator, num_pairs: int, pictures: list[str], number: int) -> pd.DataFrame:
    rows = num_pairs + np.arange(NUM_HELD_OUT) + number * NUM_HELD_OUT
    return _pairs(random, rows, ("validation", "test")[number], pictures)


def _pictures(folder: Path, random: np.random.Generator) -> list[str]:
    folder.mkdir()
    names, offset = [], 0
    with pack_path(folder, 0).open("wb") as pack:
        for _ in range(NUM_PICTURES):
            pixels = np.kron(random.integers(0, 255, (6, 6, 3), dtype=np.uint8), np.ones((32, 32, 1), dtype=np.uint8))
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "WEBP", quality=60)
            names.append(thumbnail_name(0, offset, file.getvalue()))
            offset += pack.write(file.getvalue())
    return names


def _pairs(random: np.random.Generator, rows: np.ndarray, split: str, pictures: list[str]) -> pd.DataFrame:
    number = len(rows)
    words = np.asarray(WORDS)[random.integers(0, len(WORDS), (number, 9))]
    labels = np.asarray(CLASSES)[random.integers(0, len(CLASSES), number)]
    shown = random.integers(0, len(pictures), number)
    hashes = np.asarray([hashlib.sha256(name.encode()).hexdigest() for name in pictures])[shown]
    return pd.DataFrame(
        {
            "pair_id": _ids(rows),
            "pair_index": rows,
            "image": [f"images/{one[:32]}.webp" for one in hashes],
            "caption": [f"{label} {' '.join(row)}" for label, row in zip(labels, words, strict=True)],
            "label": labels,
            "split": split,
            "width": 192,
            "height": 192,
            "content_hash": hashes,
            "perceptual_hash": [one * 5 for one in hashes],
            "thumbnail": np.asarray(pictures)[shown],
            "row": rows + 1,
            "source": "/nowhere/pairs.csv",
            "images": "/nowhere",
            "oddity": np.where(random.random(number) < 0.01, 0.9, 0.0),
            "oddity_reason": pd.Series([None] * number, dtype="str"),
        }
    )


def _signals(
    random: np.random.Generator, pair_ids: pd.Series, wrong: np.ndarray, suspicion: np.ndarray, rank: np.ndarray
) -> pd.DataFrame:
    table = {"pair_id": pair_ids.to_numpy()}
    for sign, names in ((1, LOSSES), (-1, FITS)):
        table.update({name: sign * 1.5 * wrong + random.normal(size=len(wrong)) for name in names})
    reasons = np.asarray(REASONS, dtype=object)[random.integers(0, len(REASONS), len(wrong))]
    return pd.DataFrame(
        {**table, "p_wrong": suspicion**2, "suspicion": suspicion, "suspicion_rank": rank, "reason": reasons}
    )


def _scores(random: np.random.Generator, train: pd.DataFrame, signals: pd.DataFrame, num_pairs: int) -> pd.DataFrame:
    number = len(train)
    positive, negative = random.normal(size=(2, number)) * 1e-5
    columns = {
        "influence": positive + negative,
        "influence_positive": positive,
        "influence_negative": negative,
        "influence_std": np.abs(positive) / 3,
        "relative_influence": random.normal(size=number),
        "parameter_change": random.random(number),
        "parameter_change_error": random.random(number) / 10,
        "self_influence": random.random(number),
        "self_influence_error": random.random(number) / 10,
        "clip_score": 0.6 + 0.1 * signals["model_similarity"].to_numpy(),
        "pair_loss": np.exp(signals["caption_loss"].to_numpy()),
    }
    return pd.DataFrame(
        {
            "pair_id": train["pair_id"].to_numpy(),
            **{name: values.astype(np.float32) for name, values in columns.items()},
            "suspicion": signals["suspicion"],
            "suspicion_rank": signals["suspicion_rank"],
            "lemon": signals["lemon"],
            "suggested_caption": np.roll(train["caption"].to_numpy(), 1),
            "duplicate_group": np.where(
                random.random(number) < 0.05, random.integers(0, num_pairs // 40 + 1, number), -1
            ),
            "caption_conflict": np.float32("nan"),
        }
    )


def _suggestions(train: pd.DataFrame, signals: pd.DataFrame) -> pd.DataFrame:
    worst = signals.nsmallest(200, "suspicion_rank")["pair_id"].to_numpy()
    captions = train["caption"].to_numpy()[: 2 * len(worst)]
    return pd.DataFrame(
        {
            "pair_id": np.repeat(worst, 2)[: len(captions)],
            "rank": np.tile([1, 2], len(worst))[: len(captions)],
            "caption": captions,
            "fit": 20.0,
            "effect": -1e-5,
            "source": "caption of another pair",
        }
    )


def _queries(random: np.random.Generator, test: pd.DataFrame) -> pd.DataFrame:
    number = len(test)
    true = test["label"].to_numpy()
    said = np.where(random.random(number) < 0.25, np.roll(true, 1), true)
    confidence = random.uniform(0.3, 1, number).astype(np.float32)
    classified = pd.DataFrame(
        {
            "query_id": "classification:" + test["pair_id"].to_numpy(),
            "kind": "classification",
            "loss": -np.log(confidence),
            "pair_id": test["pair_id"].to_numpy(),
            "true_label": true,
            "predicted_label": said,
            "correct": pd.array(true == said, dtype="boolean"),
            "confidence": confidence,
            "margin": np.where(true == said, -confidence, confidence).astype(np.float32),
            "predicted_pair_id": None,
            "rank_of_truth": np.nan,
            "direction": None,
            "gallery": pd.array([None] * number, dtype="Int64"),
        }
    )
    validation = classified.iloc[:1].assign(
        query_id="validation", kind="validation", loss=0.2, pair_id=None, true_label=None, predicted_label=None,
        correct=pd.array([None], dtype="boolean"), confidence=np.float32("nan"), margin=np.float32("nan"),
    )  # fmt: skip
    return pd.concat([validation, classified], ignore_index=True)


def _traces(random: np.random.Generator, queries: pd.DataFrame, num_pairs: int) -> pd.DataFrame:
    wrong = queries[queries["correct"].eq(False).fillna(False)]["query_id"].to_numpy()
    depth = min(DEPTH, num_pairs // 2)
    parts, chance = [], Random(0)
    for query_id in wrong:
        rows = np.array(chance.sample(range(num_pairs), 2 * depth))
        size = np.sort(np.abs(random.normal(size=depth)))[::-1] * 1e-3
        influence = np.concatenate([-size, size]).astype(np.float32)
        parts.append(
            pd.DataFrame(
                {
                    "query_id": query_id,
                    "pair_id": _ids(rows),
                    "influence": influence,
                    "influence_positive": influence * np.float32(0.7),
                    "influence_negative": influence * np.float32(0.3),
                    "relative_influence": influence * np.float32(100),
                    "relative_influence_positive": influence * np.float32(80),
                    "side": ["hurts"] * depth + ["helps"] * depth,
                    "rank": np.tile(np.arange(1, depth + 1), 2),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _others(random: np.random.Generator, rows: np.ndarray, num_pairs: int, number: int) -> pd.DataFrame:
    """`number` random other pairs for each of some pairs."""
    others = (random.integers(1, num_pairs, (len(rows), number)) + rows[:, None]) % num_pairs
    return pd.DataFrame(
        {
            "pair_id": np.repeat(_ids(rows), number),
            "other_pair_id": _ids(others.ravel()),
            "influence": (random.normal(size=others.size) * 1e-6).astype(np.float32),
            "similarity": random.random(others.size).astype(np.float32),
            "rank": np.tile(np.arange(1, number + 1), len(rows)),
        }
    )


def _neighbours(random: np.random.Generator, rows: np.ndarray, num_pairs: int) -> pd.DataFrame:
    kinds = [_others(random, rows, num_pairs, 6).assign(kind=kind) for kind in ("image", "caption")]
    columns = ["pair_id", "kind", "other_pair_id", "similarity", "rank"]
    return pd.concat(kinds, ignore_index=True)[columns].sort_values("pair_id", kind="stable")  # as a run writes them


def _map(random: np.random.Generator, num_pairs: int) -> pd.DataFrame:
    pair_ids = _ids(np.arange(num_pairs))
    position = np.clip(random.normal(size=(2 * num_pairs, 2)) / 4, -1, 1).astype(np.float32)
    kinds = np.repeat(["image", "caption"], num_pairs)
    return pd.DataFrame({"pair_id": np.tile(pair_ids, 2), "kind": kinds, "x": position[:, 0], "y": position[:, 1]})


def _write_record(folder: RunFolder, num_pairs: int) -> None:
    config = RunConfig(pairs="/nowhere/pairs.csv", model="hf:/nowhere/model", out=str(folder.path.parent))
    (folder.path / "config.json").write_text(config.to_json(), encoding="utf-8")
    found = {"elsewhere": 0.97, "confused": 0.95, "near": 0.8}
    share = {"estimated_share": 0.1, "estimated_share_low": 0.09, "estimated_share_high": 0.12, "found_again": found}
    record = {
        "format_version": FORMAT_VERSION,
        "run_id": folder.run_id,
        "created_at": "2026-01-01T00:00:00+00:00",
        "finished_at": "2026-01-01T00:10:00+00:00",
        "ecif_version": "0",
        "sign_convention": SIGN_CONVENTION,
        "hashes": {"pairs": "0" * 64, "model": "0" * 64},
        "notes": [],
        "counts": {"train": num_pairs, "validation": NUM_HELD_OUT, "test": NUM_HELD_OUT, "rejects": 1},
        "steps": {},
        "batches": {"segmentations": 1, "left_out": 0, "unavoidable_conflicts": 0},
        "metrics": {
            "zero_shot_accuracy": 0.75,
            "retrieval_recall_at_1": 0.5,
            "retrieval_recall_at_5": 0.8,
            "validation_loss": 0.2,
        },
        "detection": {"is_cross_fitted": True, "folds": 5, "rounds": 3, "seeds": [], **share},
        "health": {"words": {}},
    }
    write_json(folder.path / "record.json", record)


if __name__ == "__main__":
    started = time.monotonic()
    made = synthetic_run(Path(sys.argv[1]), int(sys.argv[2]))
    size = sum(path.stat().st_size for path in made.path.rglob("*") if path.is_file())
    print(json.dumps({"run": str(made.path), "seconds": round(time.monotonic() - started, 1), "bytes": size}))
