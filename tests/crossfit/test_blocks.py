"""Blocks: dealt by picture, scored by heads of all pairs, finished one by one."""

from pathlib import Path

import numpy as np
import pytest
from planted import planted
from sklearn.metrics import roc_auc_score

from engine.crossfit import blocks, rounds
from engine.crossfit.blocks import BlockScores, blocks_of
from engine.crossfit.detect import CrossFitOptions, CrossFitted, cross_fit
from engine.crossfit.rounds import Round
from engine.errors import RunFolderDamaged

OPTIONS = CrossFitOptions(folds=3, rounds=2)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "WHOLE_UP_TO", 200)
    monkeypatch.setattr(blocks, "PAIRS_PER_BLOCK", 100)


def assert_equal(one: CrossFitted, other: CrossFitted) -> None:
    np.testing.assert_array_equal(one.signals.to_numpy(), other.signals.to_numpy())
    np.testing.assert_array_equal(one.suspected.p_wrong, other.suspected.p_wrong)


def test_every_pair_is_in_one_block_with_all_pairs_of_its_picture() -> None:
    image_ids = np.random.default_rng(0).integers(0, 400, 950)
    dealt = blocks_of(image_ids, 3)
    assert len(dealt) == 10
    np.testing.assert_array_equal(np.sort(np.concatenate(dealt)), np.arange(950))
    assert sum(len(np.unique(image_ids[block])) for block in dealt) == len(np.unique(image_ids))
    assert max(map(len, dealt)) - min(map(len, dealt)) <= np.bincount(image_ids).max()
    again, other = blocks_of(image_ids, 3), blocks_of(image_ids, 4)
    assert all(np.array_equal(one, two) for one, two in zip(dealt, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(dealt, other, strict=True))
    assert [block.tolist() for block in blocks_of(image_ids[:200], 3)] == [list(range(200))]


def test_blocks_find_what_the_whole_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    one = planted(600, num_validation=130)
    by_blocks = cross_fit(one.inputs, OPTIONS, 5)
    monkeypatch.setattr(blocks, "WHOLE_UP_TO", 10**6)
    whole = cross_fit(one.inputs, OPTIONS, 5)
    areas = [roc_auc_score(one.is_wrong, found.suspected.score) for found in (by_blocks, whole)]
    assert min(areas) > 0.95 and abs(areas[0] - areas[1]) < 0.02
    assert by_blocks.signals.notna().sum().equals(whole.signals.notna().sum())
    correlation = by_blocks.signals["similarity"].corr(whole.signals["similarity"])
    assert 0.99 < correlation < 1 - 1e-9  # the heads are those of all pairs; trust after the first round differs


def test_the_first_round_s_similarity_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    one = planted(600)
    first = CrossFitOptions(folds=3, rounds=1)
    by_blocks = cross_fit(one.inputs, first, 5).signals
    monkeypatch.setattr(blocks, "WHOLE_UP_TO", 10**6)
    whole = cross_fit(one.inputs, first, 5).signals
    for name in ("similarity", "association"):
        np.testing.assert_allclose(by_blocks[name], whole[name], rtol=1e-12)
    assert not np.allclose(by_blocks["caption_loss"], whole["caption_loss"])


def test_finished_blocks_are_not_scored_again_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = planted(450, num_validation=130, labels=True, num_captions=200)
    undisturbed = cross_fit(one.inputs, OPTIONS, 5)
    scores, scored = Round.scores, []

    def killed(self, block, pairs, report):
        if len(scored) == 6:
            raise KeyboardInterrupt
        scored.append((self.number, block))
        return scores(self, block, pairs, report)

    monkeypatch.setattr(Round, "scores", killed)
    with pytest.raises(KeyboardInterrupt):
        cross_fit(one.inputs, OPTIONS, 5, parts=tmp_path / "seed-5")
    assert scored == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]
    scored.clear()
    assert_equal(cross_fit(one.inputs, OPTIONS, 5, parts=tmp_path / "seed-5"), undisturbed)
    assert scored == [(1, 2), (1, 3)]


def test_a_damaged_block_is_said_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "round-0-block-0.npz"
    BlockScores(np.ones((2, 3)), np.ones((2, 0))).save(path)
    assert BlockScores.load(path).own.shape == (2, 3)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(RunFolderDamaged, match="round-0-block-0"):
        BlockScores.load(path)


def test_of_very_many_pairs_only_some_are_made_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    one, made, choose = planted(600), [], rounds.wrong_captions

    def counted(space, rows, kind, generator):
        made.append(len(rows))
        return choose(space, rows, kind, generator)

    monkeypatch.setattr(rounds, "wrong_captions", counted)
    monkeypatch.setattr(rounds, "MOST_MADE_WRONG", 150)
    found = cross_fit(one.inputs, CrossFitOptions(folds=3, rounds=1), 5)
    assert 2 * 120 < sum(made) < 2 * 180  # elsewhere and near
    assert roc_auc_score(one.is_wrong, found.suspected.score) > 0.9
