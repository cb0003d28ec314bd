"""Cards of a blind check give nothing away."""

import pandas as pd

from dashboard.blind_cards import card_tiles, differing_tiles
from engine.pairs.packs import thumbnail_name

PAIRS = pd.DataFrame(
    {
        "pair_id": ["a", "b", "c"],
        "caption": ["a fox", "a bus", "a tent"],
        "thumbnail": [thumbnail_name(0, at, b"webp") for at in (0, 4)] + [None],
        "label": ["fox", "bus", "tent"],
        "clip_score": [0.9, 0.1, 0.2],
    }
).set_index("pair_id", drop=False)
ITEMS = pd.DataFrame(
    {
        "card": ["k1", "k2"],
        "image_of": ["a", "b"],
        "caption_of": ["a", "c"],
        "is_wrong": [False, True],
        "suspicion": [0.01, None],
    }
)
ANSWERS = pd.DataFrame(
    {"card": ["k1", "k2", "k2"], "verdict": ["drop", "drop", "keep"], "annotator": ["ana", "ana", "ana"]}
)


def test_a_card_shows_picture_and_caption_and_nothing_that_tells() -> None:
    right, wrong = card_tiles(ITEMS, ANSWERS.head(0), PAIRS, "demo-1")
    assert (right["caption"], wrong["caption"]) == ("a fox", "a tent")
    assert wrong["thumbnail_url"] == "/thumb/demo-1/" + thumbnail_name(0, 4, b"webp")
    telling = set(right) - {"pair_id", "thumbnail_url", "caption"}
    assert {name: right[name] for name in telling} == {name: wrong[name] for name in telling}
    assert not any(right[name] for name in telling)


def test_the_last_answer_to_a_card_stands_and_is_compared_with_what_is_known() -> None:
    tiles = card_tiles(ITEMS, ANSWERS, PAIRS, "demo-1")
    assert [tile["verdict"] for tile in tiles] == ["drop", "keep"]
    differing = differing_tiles(ITEMS, ANSWERS, PAIRS, "demo-1")
    assert [(tile["pair_id"], tile["badges"]) for tile in differing] == [
        ("k1", ["looked right to the ranking"]),
        ("k2", ["caption taken from another pair"]),
    ]
    agreeing = ANSWERS.assign(verdict=["keep", "keep", "relabel"])
    assert differing_tiles(ITEMS, agreeing, PAIRS, "demo-1") == []
    unsure = ANSWERS.assign(verdict="unsure")
    assert differing_tiles(ITEMS, unsure, PAIRS, "demo-1") == []
