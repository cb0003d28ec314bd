"""Features without a model: patches against brute force, captions exactly, and a folder that a run accepts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from engine.config import RunConfig
from engine.detection.options import FeaturesOptions
from engine.detection.patches import CONTRAST, fit_dictionary
from engine.detection.plain_features import caption_features, write_plain_features
from engine.detection.source_columns import source_column
from engine.errors import ConfigError, PairsError, StorageError
from engine.pipeline import run

SMALL = FeaturesOptions(side=12, patch=4, stride=2, entries=6, image_dimension=8)
CIFAR10N = Path(__file__).resolve().parents[3] / "shared" / "data" / "cifar10n" / "pairs.csv"


def quiet(done: int, of: int) -> None:
    assert 0 < done <= of


def table(folder: Path, pairs: int = 30) -> Path:
    generator = np.random.default_rng(0)
    rows = []
    for number in range(pairs):
        kind = ["stripes", "checks", "noise"][number % 3]
        pixels = generator.integers(0, 255, (12, 12, 3), dtype=np.uint8)
        if kind != "noise":
            pixels = pixels // 4 + np.uint8(120) * (np.indices((12, 12))[-1] // 2 % 2).astype(np.uint8)[..., None]
        Image.fromarray(pixels).save(folder / f"{number}.png")
        split = "test" if number >= pairs - 6 else "train"
        rows.append((f"{number}.png", f"a picture of {kind}", kind, "noise", split))
    frame = pd.DataFrame(rows, columns=["image", "caption", "label", "clean_label", "split"])
    frame.to_csv(folder / "pairs.csv", index=False)
    return folder / "pairs.csv"


def test_the_features_are_pooled_triangle_activations_of_every_patch() -> None:
    images = torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = fit_dictionary(images, patch=4, stride=2, entries=6, seed=0)
    features = found.features(images)
    quarters = torch.zeros(6, 2, 2, dtype=torch.float64)
    counts = torch.zeros(2, 2, dtype=torch.float64)
    for row in range(5):
        for column in range(5):
            patch = images[3, :, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4].flatten()
            patch = (patch - patch.mean()) / (((patch - patch.mean()) ** 2).mean() + CONTRAST).sqrt()
            distance = ((patch - found.mean) @ found.whitening - found.entries).norm(dim=1)
            active = (distance.mean() - distance).clamp(min=0)
            for top in {row // 3, (row + 1) // 3}:  # the middle patches belong to both halves
                for left in {column // 3, (column + 1) // 3}:
                    quarters[:, top, left] += active
                    counts[top, left] += 1
    torch.testing.assert_close(features[3], (quarters / counts).flatten())
    assert features.shape == (5, 24) and features.std() > 0.01


def test_few_distinct_captions_have_distinct_features_and_equal_ones_the_same() -> None:
    names = ["cat", "dog", "ship", "cat", "dog", "truck"]
    captions = [f"a photo of a {name}" for name in names]
    is_train = np.array([True] * 5 + [False])
    found = caption_features(captions, is_train, 256, 0)
    assert (found[0] == found[3]).all() and (found[1] == found[4]).all()
    apart = np.linalg.norm(found[[0, 1, 2]][:, None] - found[[0, 1, 2]], axis=-1)
    assert (apart[~np.eye(3, dtype=bool)] > 0.5).all()
    np.testing.assert_allclose(apart[0, 1:], apart[1, [0, 2]], rtol=1e-6)  # alike but for one word each
    assert np.isfinite(found).all() and found[5].any()  # a word that training does not know
    assert found.shape[1] == 3


def test_many_captions_are_decomposed_at_random_and_nearly_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(40)])
    captions = [" ".join(words[generator.choice(40, 5, p=np.arange(40, 0, -1) / 820)]) for _ in range(300)]
    is_train = np.ones(300, dtype=bool)
    exact = caption_features(captions, is_train, 10, 0)
    monkeypatch.setattr("engine.detection.plain_features.EXACT_CAPTIONS", 10)
    close = caption_features(captions, is_train, 10, 0)
    assert exact.shape == close.shape == (300, 10)
    likeness = [np.corrcoef((one @ one.T).ravel(), (exact @ exact.T).ravel())[0, 1] for one in (close, exact[::-1])]
    assert likeness[0] > 0.97 and likeness[1] < 0.5
    np.testing.assert_array_equal(close, caption_features(captions, is_train, 10, 0))


def test_a_run_takes_the_folder_and_its_source_column_is_still_there(tmp_path: Path) -> None:
    pairs = table(tmp_path)
    folder = write_plain_features(str(pairs), str(tmp_path / "features"), SMALL, quiet)
    again = write_plain_features(str(pairs), str(tmp_path / "again"), SMALL, quiet)
    for name in ("img_emb/img_emb_0.npy", "text_emb/text_emb_0.npy"):
        one = np.load(folder / name)
        np.testing.assert_array_equal(one, np.load(again / name))
        assert (one[:24] ** 2).mean() == pytest.approx(1, rel=0.05)  # n or n − 1
    done = run(
        RunConfig(pairs=str(folder), model=f"embeddings:{folder}", batch_size=8, sketches=4, out=str(tmp_path / "runs"))
    )
    found = done.table("pairs")
    assert found["split"].value_counts().to_dict()["test"] == 6 and set(found["label"]) == {
        "stripes",
        "checks",
        "noise",
    }
    assert set(source_column(found, "clean_label")) == {"noise"}
    with pytest.raises(PairsError, match="clean_lable"):
        source_column(found, "clean_lable")
    with pytest.raises(StorageError):
        write_plain_features(str(pairs), str(folder), SMALL, quiet)


def test_options_and_tables_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--side"):
        FeaturesOptions(side=6)
    with pytest.raises(ConfigError, match="--entries"):
        FeaturesOptions(entries=1)
    pairs = table(tmp_path)
    frame = pd.read_csv(pairs).assign(caption="the same")
    frame.to_csv(pairs, index=False)
    with pytest.raises(PairsError, match="caption"):
        write_plain_features(str(pairs), str(tmp_path / "features"), SMALL, quiet)


@pytest.mark.skipif(not CIFAR10N.exists(), reason="shared data are absent")
def test_features_of_photographs_tell_classes_apart(tmp_path: Path) -> None:
    everything = pd.read_csv(CIFAR10N)
    parts = [everything[everything["split"] == split].head(count) for split, count in (("train", 300), ("test", 100))]
    some = pd.concat(parts)
    (tmp_path / "images").mkdir()
    for name in some["image"]:
        (tmp_path / name).write_bytes((CIFAR10N.parent / name).read_bytes())
    some.to_csv(tmp_path / "pairs.csv", index=False)
    options = FeaturesOptions(entries=50, stride=2, image_dimension=64)
    folder = write_plain_features(str(tmp_path / "pairs.csv"), str(tmp_path / "features"), options, quiet)
    image, truth = np.load(folder / "img_emb" / "img_emb_0.npy"), some["clean_label"].to_numpy()
    codes = np.unique(truth, return_inverse=True)[1]
    train, wanted = image[:300], np.eye(10)[codes[:300]]
    weights = np.linalg.solve(train.T @ train + 300 * np.eye(64), train.T @ (wanted - 0.1))
    assert ((image[300:] @ weights).argmax(1) == codes[300:]).mean() > 0.25  # chance is 0.1
