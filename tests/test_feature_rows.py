"""Rows that stay in their file give what rows in memory give."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles import problem

from engine import feature_rows
from engine.contrastive import ClipLoss
from engine.directional import HeadsFeatureMap
from engine.feature_rows import FeatureRows, StackedRows, UnitRows, chosen, chunks_of, kept_aside, mapped
from engine.influence.disturbance import disturbances
from engine.influence.scores import segmented_scores
from engine.sources import HeadsSource

CPU = torch.device("cpu")


@pytest.fixture
def array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Saved as a.npy; nothing is small."""
    monkeypatch.setattr(feature_rows, "HELD_BYTES", 8)
    found = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    np.save(tmp_path / "a.npy", found)
    return found


def test_a_mapped_file_is_a_tensor_whose_changes_stay_out_of_the_file(array: np.ndarray, tmp_path: Path) -> None:
    found = mapped(tmp_path / "a.npy", CPU, torch.float32)
    assert isinstance(found, torch.Tensor)
    np.testing.assert_array_equal(found.numpy(), array)
    found[0] = 7.0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)


def test_another_precision_is_made_for_the_rows_asked_for(array: np.ndarray, tmp_path: Path) -> None:
    found = mapped(tmp_path / "a.npy", CPU, torch.float64)
    assert isinstance(found, FeatureRows) and found.shape == (30, 4) and len(found) == 30
    wanted = torch.tensor([[3, 3], [29, 0]])
    assert torch.equal(found[wanted], torch.from_numpy(array).double()[wanted])
    assert torch.equal(found[5:9], torch.from_numpy(array[5:9]).double())
    positions = torch.tensor([20, 4, 4, 11])
    some = chosen(chosen(found, positions), torch.tensor([3, 0]))
    assert torch.equal(some[:], torch.from_numpy(array).double()[[11, 20]])


@pytest.mark.parametrize("positions", [[3, 4, 5, 6], [6, 3, 3], [9], []])
def test_chosen_rows_are_a_view_or_gathered_when_asked_for(array: np.ndarray, positions: list[int]) -> None:
    table, where = torch.from_numpy(array), torch.tensor(positions, dtype=torch.long)
    found = chosen(table, where)
    assert torch.equal(found[:], table[where]) and len(found) == len(positions)
    is_view = (
        isinstance(found, torch.Tensor) and found.untyped_storage().data_ptr() == table.untyped_storage().data_ptr()
    )
    assert is_view == (len(positions) in (4, 1))


def test_an_empty_and_a_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "empty.npy", np.empty((0, 4), np.float32))
    assert mapped(tmp_path / "empty.npy", CPU, torch.float32).shape == (0, 4)
    monkeypatch.setattr(feature_rows, "HELD_BYTES", 8)
    np.save(tmp_path / "cut.npy", np.ones((30, 4), np.float32))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-100])
    with pytest.raises((ValueError, OSError)):
        mapped(tmp_path / "cut.npy", CPU, torch.float32)


def test_tables_below_each_other_and_kept_aside(array: np.ndarray, tmp_path: Path) -> None:
    table = torch.from_numpy(array)
    both = StackedRows(table[:20], chosen(table, torch.tensor([25, 20, 29])))
    assert len(both) == 23
    for part in (slice(0, 5), slice(18, 22), slice(21, 99), slice(0, 23)):
        assert torch.equal(both[part], torch.cat([table[:20], table[[25, 20, 29]]])[part])
    aside = kept_aside((table[part] for part in chunks_of(30, 7)), 30, 4, table[:0], tmp_path)
    assert torch.equal(aside, table)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]  # the file has no name


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_scores_of_mapped_features_are_those_of_features_in_memory(
    dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In double precision to the last bit, also where the file is in single precision."""
    given = problem()
    whole = given.feature_map
    for name, rows in (("image", whole.image_inputs), ("text", whole.text_inputs)):
        np.save(tmp_path / f"{name}.npy", rows.to(dtype).numpy())
    stored = {name: torch.from_numpy(np.load(tmp_path / f"{name}.npy")).double() for name in ("image", "text")}
    monkeypatch.setattr(feature_rows, "HELD_BYTES", 8)
    source = HeadsSource("", whole.heads, *(mapped(tmp_path / f"{name}.npy", CPU, torch.float64) for name in stored),
                         torch.empty(0, 3), False, 256)  # fmt: skip
    order = torch.randperm(len(stored["image"]), generator=torch.Generator().manual_seed(0))
    apart = source.pairs(order)
    assert isinstance(apart, HeadsFeatureMap) and not isinstance(apart.image_inputs, torch.Tensor)
    held = replace(whole, text_inputs=stored["text"][order], image_inputs=stored["image"][order])
    directions = torch.randn(3, len(given.theta), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    scores = [segmented_scores(one, ClipLoss(), [given.segmentation], directions).mean.both for one in (apart, held)]
    assert torch.equal(*scores) and scores[0].std() > 0
    others = [disturbances(one, ClipLoss(), [given.segmentation], directions[:1], 3) for one in (apart, held)]
    assert torch.equal(others[0].influence, others[1].influence)
    everyone = torch.arange(len(order))
    features = held.features(everyone, everyone)
    unit = UnitRows(apart, "text", len(order))
    assert unit.shape == features.text.shape and torch.equal(unit[2:5], features.text[2:5])
    assert torch.equal(UnitRows(apart, "image", len(order))[everyone], features.image)
