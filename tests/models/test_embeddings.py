"""Given features in place of a model: the layout is checked, rows find their features, heads start as stated."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest

from engine.config import RunConfig
from engine.errors import EcifError, ModelError, PairsError
from engine.models.embeddings import GivenFeatures
from engine.pairs import load_data_set, read_pair_table
from engine.pairs.readers.clip_retrieval import ALL_ZERO, NOT_FINITE
from engine.pipeline import run
from engine.study import load_study

ROOT = Path(__file__).resolve().parents[2]


def write_part(folder: Path, number: int, image: np.ndarray, text: np.ndarray, first: int = 0) -> None:
    for name, array in (("img_emb", image), ("text_emb", text)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.save(folder / name / f"{name}_{number}.npy", array)
    (folder / "metadata").mkdir(exist_ok=True)
    rows = [{"caption": f"caption {first + i}", "url": "https://a.example/x.jpg"} for i in range(len(image))]
    pd.DataFrame(rows).to_parquet(folder / "metadata" / f"metadata_{number}.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of 20 and 12 pairs, 6-dimensional on both sides; the second one is number 10."""
    generator = np.random.default_rng(0)
    for number, first, count in ((2, 0, 20), (10, 20, 12)):
        arrays = (generator.normal(size=(count, 6)).astype(np.float16) for _ in range(2))
        write_part(tmp_path / "given", number, *arrays, first=first)
    return tmp_path / "given"


def load(folder: Path) -> GivenFeatures:
    return GivenFeatures(str(folder), torch.device("cpu"), torch.float64)


def test_every_row_finds_its_features_in_the_order_of_the_numbers(folder: Path) -> None:
    pairs = read_pair_table(folder).pairs
    assert pairs["caption"].tolist() == [f"caption {i}" for i in range(32)]
    order = np.random.default_rng(1).permutation(32)[:9]
    image, text = load(folder).features(pairs.iloc[order])
    for name, found in (("img_emb", image), ("text_emb", text)):
        expected = np.concatenate([np.load(folder / name / f"{name}_{n}.npy") for n in (2, 10)])[order]
        np.testing.assert_array_equal(found, expected.astype(np.float64))


def test_a_row_without_usable_features_is_a_reject_and_moves_no_other(folder: Path) -> None:
    path = folder / "text_emb" / "text_emb_2.npy"
    text = np.load(path)
    text[3, 1], text[5] = np.nan, 0
    np.save(path, text)
    found = read_pair_table(folder)
    assert dict(zip(found.rejects["row"], found.rejects["reason"], strict=True)) == {
        4: NOT_FINITE.format("text"),
        6: ALL_ZERO.format("text"),
    }
    assert found.rejects["caption"].str.contains("caption 3").any()
    _, features = load(folder).features(found.pairs)
    np.testing.assert_array_equal(features[3], text[4])


def test_pairs_without_pictures_have_no_thumbnail_and_equal_features_are_one_content(folder: Path) -> None:
    path = folder / "img_emb" / "img_emb_2.npy"
    image = np.load(path)
    image[7] = image[0]
    np.save(path, image)
    pairs = load_data_set(folder).pairs
    assert set(pairs["thumbnail"]) == {""} and set(pairs["width"]) == {0}
    assert pairs["content_hash"].nunique() == 31 == pairs["content_hash"].str.len().eq(64).sum() - 1
    same = pairs.set_index("caption").loc[["caption 0", "caption 7"], "split"]
    assert same.nunique() == 1  # held out together


def test_heads_start_at_the_identity_or_at_orthonormal_rows(folder: Path, tmp_path: Path) -> None:
    model = load(folder)
    assert torch.equal(model.heads.text, torch.eye(6, dtype=torch.float64))
    assert float(model.heads.log_logit_scale) == pytest.approx(math.log(1 / 0.07))
    assert any("CLIP's start" in note for note in model.notes)
    generator = np.random.default_rng(0)
    write_part(tmp_path / "wide", 0, generator.normal(size=(4, 6)), generator.normal(size=(4, 8)))
    (tmp_path / "wide" / "config.json").write_text(json.dumps({"log_logit_scale": 3, "embed_dim": 5}))
    wide = load(tmp_path / "wide")
    assert wide.heads.image.shape == (5, 6) and wide.heads.text.shape == (5, 8)
    torch.testing.assert_close(wide.heads.text @ wide.heads.text.T, torch.eye(5, dtype=torch.float64))
    assert float(wide.heads.log_logit_scale) == 3 and not any("CLIP's start" in note for note in wide.notes)


def test_a_damaged_folder_is_named(folder: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    short, mixed, half = tmp_path / "short", tmp_path / "mixed", tmp_path / "half"
    write_part(short, 0, generator.normal(size=(4, 6)), generator.normal(size=(3, 6)))
    write_part(mixed, 0, generator.normal(size=(4, 6)), generator.normal(size=(4, 6)))
    write_part(mixed, 1, generator.normal(size=(4, 5)), generator.normal(size=(4, 6)))
    write_part(half, 0, generator.normal(size=(4, 6)), generator.normal(size=(4, 6)))
    write_part(half, 1, generator.normal(size=(4, 6)), generator.normal(size=(4, 6)))
    (half / "text_emb" / "text_emb_1.npy").unlink()
    for broken, words in ((short, "4, 3 and 4"), (mixed, r"\[5, 6\]"), (half, "no text file for 1")):
        with pytest.raises(PairsError, match=words):
            read_pair_table(broken)
    objects = folder / "img_emb" / "img_emb_2.npy"
    np.save(objects, np.array([[{}] * 6] * 20), allow_pickle=True)
    with pytest.raises(PairsError, match="file of numbers"):
        read_pair_table(folder)
    sound = tmp_path / "sound"
    write_part(sound, 0, generator.normal(size=(4, 6)), generator.normal(size=(4, 6)))
    (sound / "config.json").write_text('{"embed_dim": 0}')
    for bad in (sound, tmp_path):
        with pytest.raises(ModelError):
            load(bad)


def test_pairs_from_elsewhere_have_no_given_features(folder: Path) -> None:
    pairs = read_pair_table(folder).pairs.assign(source="pairs.csv")
    with pytest.raises(EcifError, match="folder of features"):
        load(folder).features(pairs)


def test_a_run_on_given_features_finishes_and_the_dashboard_opens_without_pictures(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(
        pairs=str(folder), model=str(folder), batch_size=7, segmentations=1, sketches=4, out=str(tmp_path / "runs")
    )
    found = run(config)
    assert found.is_finished and len(found.table("scores")) == load_study(found).segmentations[0].num_pairs
    again = np.load(folder / "img_emb" / "img_emb_2.npy")
    np.save(folder / "img_emb" / "img_emb_2.npy", again + 1)
    assert run(config).path != found.path  # other features, another run
    monkeypatch.setenv("ECIF_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("ECIF_DECISIONS", str(tmp_path / "decisions.sqlite"))
    monkeypatch.setenv("ECIF_LOCAL", "1")
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=30)
    app.query_params["run"] = found.run_id
    app.query_params["pair"] = found.table("scores")["pair_id"].iloc[0]
    app.run()
    for page in ("suspicious", "pair", "trace_back"):
        app.switch_page(str(ROOT / "dashboard" / "views" / f"{page}.py")).run()
        assert not app.exception, page
