"""A folder of given features of any size, with wrong pairs that are known: for measuring, and for trying out.

In the layout of clip-retrieval (`img_emb/ text_emb/ metadata/`), with `truth/` beside it. Pair n has a latent

    z_n = TOPIC c_k + sqrt(1 − TOPIC²) ε,   image ~ z_n + NOISE e + gap,   caption ~ z_n + NOISE e' − gap

with k the topic of the pair, c_k and all noise normal with unit variance per direction, in `LATENT` random directions
of the features, and less noise in the others. A wrong pair carries the caption, and its label, of another wrong pair.
Pieces of `ROWS_PER_FILE` pairs are drawn and written one after the other, each with a seed of its own: memory does not
grow, and a larger folder begins with the pairs of a smaller one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS_PER_FILE = 50_000
TOPICS = 24
LATENT = 64
TOPIC, NOISE, NOISE_ELSEWHERE, GAP = 0.6, 1.6, 0.3, 2.0
"""shares and sizes of the parts; so chosen that the unfitted cosine finds wrong pairs with an AUROC of .93"""
WRONG_SHARE = 0.1
HELD_OUT = 2_000
"""validation pairs, and as many test pairs, at most a tenth each: a query is no larger where pairs are more"""
THINGS = (
    *("dog", "cat", "horse", "bird", "boat", "train", "bus", "bicycle", "bridge", "house", "tower", "garden"),
    *("mountain", "beach", "river", "forest", "kitchen", "table", "cake", "child", "runner", "player", "crowd", "door"),
)
LOOKS = ("red", "blue", "green", "white", "black", "brown", "small", "large", "old", "new", "wet", "shaded")
PLACES = ("near a wall", "in the sun", "at night", "by the water", "in the snow", "on a hill", "under trees", "indoors")


def write_synthetic(
    folder: Path, num_pairs: int, width: int = 128, seed: int = 0, wrong_share: float = WRONG_SHARE
) -> None:
    """Write the folder; pieces that are there already are kept.

    Args:
        folder: gets img_emb, text_emb (float16, `[rows, width]`), metadata (pair_id, caption, label, split) and
            truth (pair_id, is_wrong).
        num_pairs: of all splits together.
        width: dimensions of both sides.
        seed: of everything random.
        wrong_share: of the training pairs, 0 … 1; held-out pairs are right.
    """
    for name in ("img_emb", "text_emb", "metadata", "truth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    shared = np.random.default_rng(seed)
    centres = shared.standard_normal((TOPICS, LATENT))
    basis = np.linalg.qr(shared.standard_normal((width, min(LATENT, width))))[0].T
    gap = GAP * np.linalg.qr(shared.standard_normal((width, 1)))[0][:, 0]
    held_out = min(HELD_OUT, num_pairs // 10)
    for number, first in enumerate(range(0, num_pairs, ROWS_PER_FILE)):
        rows = np.arange(first, min(first + ROWS_PER_FILE, num_pairs))
        if not (folder / "truth" / f"truth_{number}.parquet").exists():
            _write_piece(folder, number, rows, held_out, wrong_share, centres[:, : len(basis)], basis, gap, seed)


def planted(folder: Path) -> pd.Series:
    """Whether each pair is wrong, by pair_id."""
    return pd.concat([pd.read_parquet(part) for part in sorted((folder / "truth").iterdir())]).set_index("pair_id")[
        "is_wrong"
    ]


def _write_piece(
    folder: Path,
    number: int,
    rows: np.ndarray,
    held_out: int,
    wrong_share: float,
    centres: np.ndarray,
    basis: np.ndarray,
    gap: np.ndarray,
    seed: int,
) -> None:
    generator = np.random.default_rng([seed, number])
    topic = generator.integers(0, TOPICS, len(rows))
    own = generator.standard_normal((len(rows), len(basis)))
    latent = TOPIC * centres[topic] + (1 - TOPIC**2) ** 0.5 * own
    split = np.where(rows < held_out, "validation", np.where(rows < 2 * held_out, "test", "train"))
    wrong = np.flatnonzero((generator.random(len(rows)) < wrong_share) & (split == "train"))
    caption_of = np.arange(len(rows))
    caption_of[wrong] = np.roll(wrong, 1)  # of a random other pair: pairs stand in no order
    image = _observed(latent, basis, gap, generator)
    text = _observed(latent[caption_of], basis, -gap, generator)
    about = topic[caption_of]
    words = [generator.choice(kind, len(rows)) for kind in (LOOKS, PLACES)]
    described = zip(words[0], np.array(THINGS)[about], words[1], rows[caption_of], strict=True)
    ids = [f"pair-{row:08d}" for row in rows]
    table = pd.DataFrame(
        {
            "pair_id": ids,
            "caption": [f"a {look} {thing} {place}, photograph {row}" for look, thing, place, row in described],
            "label": np.array(THINGS)[about],
            "split": split,
        }
    )
    np.save(folder / "img_emb" / f"img_emb_{number}.npy", image)
    np.save(folder / "text_emb" / f"text_emb_{number}.npy", text)
    table.to_parquet(folder / "metadata" / f"metadata_{number}.parquet", index=False)
    truth = pd.DataFrame({"pair_id": ids, "is_wrong": np.isin(np.arange(len(rows)), wrong) & (len(wrong) > 1)})
    truth.to_parquet(folder / "truth" / f"truth_{number}.parquet", index=False)  # last: says that the piece is whole


def _observed(latent: np.ndarray, basis: np.ndarray, gap: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Features of one side in half precision, `[rows, width]`."""
    noisy = latent + NOISE * generator.standard_normal(latent.shape)
    features = noisy @ basis + gap + NOISE_ELSEWHERE * generator.standard_normal((len(latent), basis.shape[1]))
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float16)
