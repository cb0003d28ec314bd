"""What the commands print about a run: how much is wrong, how surely that was found, how healthy the space is."""

import pytest

from engine.reports import print_run
from engine.runs import RunFolder


def test_a_run_says_how_many_pairs_are_wrong_and_how_surely(
    sample_run: RunFolder, capsys: pytest.CaptureFixture
) -> None:
    print_run(sample_run)
    said = " ".join(capsys.readouterr().err.split())
    found = sample_run.record["detection"]
    low, share, high = (found[f"estimated_share{end}"] for end in ("_low", "", "_high"))
    assert 0 < low < share < high < 0.5
    assert f"About {share:.1%} of the training pairs ({share * 1198:.0f}) have a wrong caption" in said
    assert f"{low:.1%} to {high:.1%}" in said
    assert f"captions from elsewhere {found['found_again']['elsewhere']:.3f}, near captions" in said


def test_a_run_records_the_health_of_its_space_and_says_it_in_words(
    sample_run: RunFolder, capsys: pytest.CaptureFixture
) -> None:
    print_run(sample_run)
    said = " ".join(capsys.readouterr().err.split())
    health = sample_run.record["health"]
    assert 1 < health["image_rank"] < health["num_dimensions"] and health["modality_gap"] > 0
    assert f"Images use about {health['image_rank']:.0f} and captions {health['text_rank']:.0f}" in said
    assert len(health["words"]) == 4 and all(" ".join(one.split()) in said for one in health["words"].values())


def test_a_pair_with_a_plainly_odd_caption_says_so_among_its_reasons(sample_run: RunFolder) -> None:
    pairs = sample_run.table("pairs").set_index("pair_id")
    signals = sample_run.table("signals").set_index("pair_id")
    odd = pairs.loc[signals.index, "oddity"] >= 0.5
    says = signals["reason"].str.contains("Its caption looks odd: ")
    assert (says == odd).all()


def test_copies_found_by_features_join_those_found_by_hashes(sample_run: RunFolder) -> None:
    from engine.pairs import duplicate_groups

    scores, pairs = sample_run.table("scores"), sample_run.table("pairs")
    train = pairs[pairs["split"] == "train"]
    by_hash = duplicate_groups(train) >= 0
    in_a_group = (scores["duplicate_group"] >= 0).to_numpy()
    assert by_hash.sum() > 20 and in_a_group.sum() > by_hash.sum() and in_a_group[by_hash].all()
    assert (scores["caption_conflict"].notna() == in_a_group).all()
