"""What pages list: tiles, and differences between captions."""

import pandas as pd
import pytest

from dashboard.tables import (
    bar_scale,
    disturbed_rows,
    for_reading,
    pair_tiles,
    suggested_rows,
    suggestion_in_words,
    word_difference,
)
from engine.pairs.packs import thumbnail_name

SCORES = pd.DataFrame(
    {
        "pair_id": ["a", "b", "c", "d"],
        "pair_index": [0, 1, 2, 3],
        "caption": ["a red bus", "A Bus, red (x)", "two cats", "<b>bus</b>"],
        "label": ["bus", "bus", "cat", None],
        "thumbnail": [thumbnail_name(0, 0, b"webp"), None, "x", thumbnail_name(0, 4, b"webp")],
        "suspicion_rank": [2, 1, 4, 3],
        "influence": [0.5, -0.1, float("nan"), -0.2],
        "influence_positive": [0.5, -0.2, float("nan"), -0.2],
        "influence_negative": [0.0, 0.1, float("nan"), 0.0],
        "relative_influence": [1.0, -3.0, 0.0, -2.0],
        "clip_score": [0.9, 0.1, 0.5, 0.3],
        "pair_loss": [0.1, 5.0, 1.0, 2.0],
        "duplicate_group": [-1, 3, -1, -1],
    }
).set_index("pair_id", drop=False)
NOTHING = pd.DataFrame(columns=["pair_id", "verdict", "new_caption"]).set_index("pair_id", drop=False)


def test_tiles_carry_text_untouched_and_only_good_addresses() -> None:
    tiles = pair_tiles(SCORES.assign(rank=SCORES["suspicion_rank"]), "demo-1", NOTHING)
    assert tiles[3]["caption"] == "<b>bus</b>"
    assert [bool(tile["thumbnail_url"]) for tile in tiles] == [True, False, False, True]
    assert tiles[2]["influence_positive"] is None
    assert tiles[1]["badges"] == ["fit 0.10", "has a duplicate"]
    assert tiles[3]["label"] is None


def test_tiles_say_why_in_short_and_in_full() -> None:
    reason = "Other captions fit this picture better; without it the validation loss would be lower."
    odd = "Other captions fit this picture better. Its caption looks odd: one word; twice."
    rows = SCORES.assign(reason=[reason, "", None, odd], proposal=["Uncertain", None, None, "Random check"])
    tiles = pair_tiles(rows, "demo-1", NOTHING)
    assert [tile["why"] for tile in tiles] == ["Other captions fit this picture better", None, None, tiles[0]["why"]]
    assert tiles[0]["why_in_full"] == reason
    assert [tile["badges"][0] for tile in tiles] == ["Uncertain", "fit 0.10", "fit 0.50", "Random check"]
    assert pair_tiles(SCORES, "demo-1", NOTHING)[0]["why"] is None


def test_suggestions_are_new_captions_the_best_first_and_fall_back_to_the_single_one() -> None:
    score = pd.Series({"pair_id": "a", "caption": "a red bus", "suggested_caption": "a red car"})
    table = pd.DataFrame(
        {
            "caption": ["a red bus", "a blue bus", "a train", "a cat", "a dog"],
            "fit": [0.9, 0.8, 0.7, 0.6, 0.5],
            "effect": [0.0, -1e-3, 1e-3, float("nan"), 0.0],
            "source": ["caption of another pair"] * 4 + ["class prompt"],
        },
        index=["a"] * 5,
    )
    rows = suggested_rows(table, score)
    assert rows["caption"].tolist() == ["a blue bus", "a train", "a cat"]
    words = [suggestion_in_words(row) for row in rows.to_dict("records")]
    assert words[0] == "caption of another pair · fit 0.80 · would lower the validation loss by 1.0e-03 nats"
    assert "would raise" in words[1] and words[2] == "caption of another pair · fit 0.60"
    assert suggested_rows(table.iloc[:0], score)["caption"].tolist() == ["a red car"]
    assert suggested_rows(table.iloc[[0]], score).empty
    assert suggested_rows(None, score)["caption"].tolist() == ["a red car"]
    assert suggested_rows(None, score.replace("a red car", "a red bus")).empty
    assert suggested_rows(None, score.replace("a red car", None)).empty


def test_tiles_show_what_was_decided() -> None:
    decided = pd.DataFrame({"pair_id": ["a"], "verdict": ["relabel"], "new_caption": ["a car"]})
    tile = pair_tiles(SCORES.loc[["a"]], "demo-1", decided.set_index("pair_id", drop=False))[0]
    assert (tile["verdict"], tile["new_caption"]) == ("relabel", "a car")


def test_the_bar_scale_is_finite_and_positive_whatever_comes() -> None:
    assert 0 < bar_scale(SCORES) <= 0.5
    assert bar_scale(SCORES.loc[["c"]]) == 1.0
    assert bar_scale(SCORES.assign(influence_positive=0.0, influence_negative=0.0)) == 1.0


def test_a_word_difference_rebuilds_both_captions() -> None:
    old, new = "one white cat in the snow", "a white fox in deep snow"
    parts = word_difference(old, new)
    assert " ".join(words for kind, words in parts if kind != "in") == old
    assert " ".join(words for kind, words in parts if kind != "out") == new
    assert ("same", "white") in parts
    assert word_difference(old, old) == [("same", old)]


def test_history_reads_newest_first_with_undone_rows_named() -> None:
    history = pd.DataFrame(
        {
            "decided_at": ["2026-01-02T03:04:05.678+00:00", None],
            "kind": ["decision", "undo"],
            "verdict": ["drop", None],
            "new_caption": [None, None],
        }
    )
    read = for_reading(history)
    assert read["verdict"].tolist() == ["undone", "drop"]
    assert read["decided_at"].iloc[1] == "2026-01-02 03:04"
    assert read["new_caption"].tolist() == ["", ""]


def test_those_a_pair_disturbs_come_strongest_first_with_one_bar_each() -> None:
    disturbs = pd.DataFrame(
        {
            "pair_id": ["a", "a", "a", "b"],
            "other_pair_id": ["b", "d", "gone", "a"],
            "influence": [0.1, -0.4, 9.0, 5.0],
        }
    )
    rows = disturbed_rows(disturbs, SCORES, "a")
    assert rows["pair_id"].tolist() == ["d", "b"]
    assert bar_scale(rows) == pytest.approx(0.4, rel=0.05)
    tiles = pair_tiles(rows, "run", NOTHING)
    assert [(tile["influence_positive"], tile["influence_negative"]) for tile in tiles] == [(None, -0.4), (None, 0.1)]
    assert disturbed_rows(disturbs, SCORES, "c").empty
