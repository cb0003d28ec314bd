"""A folder of features for data sets without a model: patches for images, words for captions; no labels, no network.

Images: `engine.detection.patches`, then the first principal components of the standardised features. Captions: tf-idf
of words over the distinct captions, then its singular vectors, less their mean; exact for few distinct captions. Both
are half whitened (a component of variance λ is divided by λ^¼) and have mean square 1. Everything is fitted on training
pairs only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from engine.detection.options import FeaturesOptions
from engine.detection.patches import fit_dictionary
from engine.detection.source_columns import other_columns, source_column
from engine.errors import PairsError
from engine.pairs import open_picture, read_pair_table
from engine.runs import finished_as, write_json, write_table

FITTED_IMAGES = 5000
"""training images that the dictionary and the components are fitted on"""
IMAGES_AT_ONCE = 256
EXACT_CAPTIONS = 2000
"""distinct captions up to which the singular vectors are computed densely"""
LARGEST_VOCABULARY = 2**16
EVERY_CAPTION = "\x02"
"""a word that stands in every caption: one without a known word still has features"""
KEPT = ("pair_id", "image", "caption", "label", "split")


def write_plain_features(pairs: str, out: str, options: FeaturesOptions, report: Callable[[int, int], None]) -> Path:
    """Write a folder in the layout of clip-retrieval that `--pairs` and `--model embeddings:` read.

    Args:
        pairs: a table of pairs; rows that cannot be used are left out. Columns a run does not know are kept.
        out: the new folder; gets img_emb, text_emb, metadata and features.json (options and counts).
        options: of the features.
        report: called with (done, total) images.

    Returns:
        The folder.

    Raises:
        PairsError: if the table cannot be used, or has fewer than two distinct training images or captions.
        StorageError: if the folder exists or cannot be written.
    """
    started = time.monotonic()
    found = read_pair_table(pairs)
    table, is_train = found.pairs, (found.pairs["split"] == "train").to_numpy()
    for name in ("content_hash", "caption"):
        if table.loc[is_train, name].nunique() < 2:
            raise PairsError(f"training pairs with two different values of {name}", "fewer", "Give more pairs.")
    text = caption_features(table["caption"].tolist(), is_train, options.text_dimension, options.seed)
    extra = {name: source_column(table, name) for name in other_columns(pairs)}
    with finished_as(Path(out)) as part:
        for folder in ("img_emb", "text_emb", "metadata"):
            (part / folder).mkdir(parents=True, exist_ok=True)
        image = np.lib.format.open_memmap(
            part / "img_emb" / "img_emb_0.npy", "w+", np.float32, (len(table), _image_dim(options, is_train))
        )
        _write_image_features(table, is_train, options, image, report)
        np.save(part / "text_emb" / "text_emb_0.npy", text.astype(np.float32), allow_pickle=False)
        write_table(part / "metadata" / "metadata_0.parquet", table[list(KEPT)].assign(**extra))
        counts = {
            "pairs": len(table),
            "left_out": len(found.rejects),
            "fitted": min(FITTED_IMAGES, int(is_train.sum())),
        }
        write_json(part / "features.json", {**options.as_dict, **counts, "seconds": time.monotonic() - started})
    return Path(out)


def caption_features(captions: list[str], is_train: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Features of captions `[pairs, dimension]`; equal captions have equal features, others differ by their words.

    Args:
        captions: of all pairs.
        is_train: `[pairs]`, the ones to fit on.
        most: the dimension is this or the rank, if that is less.
        seed: of the randomised decomposition of many captions.
    """
    codes, distinct = pd.factorize(np.array(captions, dtype=object))
    fitted = np.unique(codes[is_train])
    words = TfidfVectorizer(
        token_pattern=r"(?u)\w+|" + EVERY_CAPTION, max_features=LARGEST_VOCABULARY, sublinear_tf=True, norm="l2"
    )
    marked = [f"{EVERY_CAPTION} {caption}" for caption in distinct]
    counts = words.fit([marked[one] for one in fitted]).transform(marked)
    if len(fitted) <= EXACT_CAPTIONS:
        _, singular, right = np.linalg.svd(counts[fitted].toarray(), full_matrices=False)
    else:
        found = TruncatedSVD(min(most, counts.shape[1]), n_iter=5, random_state=seed).fit(counts[fitted])
        singular, right = found.singular_values_, found.components_
    keep = np.flatnonzero(singular > 1e-6 * singular[0])[:most]
    scores = (counts @ right[keep].T) / np.sqrt(singular[keep])
    scores = (scores - scores[fitted].mean(0))[codes]
    return scores / np.sqrt((scores[is_train] ** 2).mean())


def _image_dim(options: FeaturesOptions, is_train: np.ndarray) -> int:
    return min(options.image_dimension, 4 * options.entries, min(FITTED_IMAGES, int(is_train.sum())) - 1)


def _write_image_features(
    table: pd.DataFrame,
    is_train: np.ndarray,
    options: FeaturesOptions,
    into: np.ndarray,
    report: Callable[[int, int], None],
) -> None:
    train = np.flatnonzero(is_train)
    generator = np.random.default_rng(options.seed)
    fitted = np.sort(generator.choice(train, min(FITTED_IMAGES, len(train)), replace=False))
    pictures = _pictures(table.iloc[fitted], options.side)
    dictionary = fit_dictionary(pictures, options.patch, options.stride, options.entries, options.seed)
    parts = []
    for chunk in pictures.split(IMAGES_AT_ONCE):
        parts.append(dictionary.features(chunk))
        report(sum(map(len, parts)), len(table))
    known = torch.cat(parts)
    project = _components(known, into.shape[1])
    into[fitted] = project(known)
    rest = np.setdiff1d(np.arange(len(table)), fitted)
    for start in range(0, len(rest), IMAGES_AT_ONCE):
        some = rest[start : start + IMAGES_AT_ONCE]
        into[some] = project(dictionary.features(_pictures(table.iloc[some], options.side)))
        report(len(fitted) + start + len(some), len(table))


def _pictures(rows: pd.DataFrame, side: int) -> Tensor:
    """`[images, 3, side, side]`, 0 … 1, squeezed to a square."""
    found = np.empty((len(rows), side, side, 3), np.uint8)
    for at, (place, image) in enumerate(zip(rows["images"], rows["image"], strict=True)):
        picture = open_picture(place, image)
        found[at] = np.asarray(picture.resize((side, side), Image.Resampling.BOX, reducing_gap=None))
    return torch.from_numpy(found).permute(0, 3, 1, 2).float() / 255


def _components(known: Tensor, num_components: int) -> Callable[[Tensor], np.ndarray]:
    """The half-whitened principal components of standardised features."""
    mean, spread = known.mean(0), known.std(0) + 1e-6
    values, vectors = torch.linalg.eigh(torch.cov(((known - mean) / spread).T))
    values = values.flip(0)[:num_components].clamp(min=1e-6 * float(values[-1]))
    vectors = vectors.flip(1)[:, :num_components]
    # an eigenvector's sign is arbitrary: the largest entry is made positive, so that machines agree
    vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
    matrix = vectors / values**0.25 / values.sqrt().mean().sqrt()
    return lambda features: (((features - mean) / spread) @ matrix).numpy()
