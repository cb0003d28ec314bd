"""Blind checks: nothing gives a seeded card away, nothing of it reaches the decisions, the rates are exact."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from learning.simulated import simulated
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from engine.errors import ConfigError, DecisionsError
from engine.learning.blind_check import blind_items, blind_result, card_of, new_secret
from engine.learning.table import Pairs, pairs_of
from engine.review import Decision, DecisionStore
from engine.review.blind import BlindAnswer, BlindItem, BlindStore


@pytest.fixture
def pairs() -> Pairs:
    return pairs_of(simulated(400)[0])


@pytest.fixture
def shown(pairs: Pairs) -> pd.DataFrame:
    names = [f"{row // 2}" for row in range(len(pairs))]  # two captions per image, some captions alike
    return pd.DataFrame({"image": [f"{name}.jpg" for name in names], "caption": np.arange(400) % 50}, index=pairs.ids)


def answer(card: str, verdict: str, annotator: str = "ana", key: str | None = None) -> BlindAnswer:
    return BlindAnswer(card, verdict, annotator, "2026-01-01T00:00:00Z", key or f"{card}-{annotator}-{verdict}")


def test_known_wrong_cards_show_the_caption_of_another_image(pairs: Pairs, shown: pd.DataFrame) -> None:
    items = blind_items(pairs, shown, new_secret(), num_right=12, num_wrong=15)
    wrong = [item for item in items if item.is_wrong]
    assert (len(items), len(wrong)) == (27, 15)
    label = dict(zip(pairs.ids, pairs.label, strict=True))
    for item in wrong:
        image, caption = shown.loc[item.image_of], shown.loc[item.caption_of]
        assert image["image"] != caption["image"] and image["caption"] != caption["caption"]
        assert label[item.image_of] != label[item.caption_of]
    assert all(item.image_of == item.caption_of for item in items if not item.is_wrong)
    used = [name for item in items for name in {item.image_of, item.caption_of}]
    assert len(used) == len(set(used)) == 12 + 2 * 15
    rows = pairs.ids.get_indexer([item.image_of for item in items])
    assert pairs.prior[rows].max() < np.median(pairs.prior)


def test_pairs_without_a_class_can_be_swapped(shown: pd.DataFrame) -> None:
    for signals in (simulated(400)[0].drop(columns="label"), simulated(400)[0]):
        signals.loc[signals.index[5:], "label"] = None
        assert len(blind_items(pairs_of(signals), shown, "s", num_right=2, num_wrong=20)) == 22


def test_seeded_cards_look_like_all_others(pairs: Pairs, shown: pd.DataFrame) -> None:
    secret = new_secret()
    items = blind_items(pairs, shown, secret, num_right=20, num_wrong=20)
    plain = [card_of(secret, pair_id) for pair_id in pairs.ids]
    cards = [item.card for item in items]
    assert {len(card) for card in cards} == {len(card) for card in plain} == {32}
    assert len({*plain, *cards}) == 400 + 40  # a pair and the known-right card made of it are two
    first_wrong = [item.is_wrong for item in items]
    assert first_wrong != sorted(first_wrong) and first_wrong != sorted(first_wrong, reverse=True)
    assert card_of(new_secret(), pairs.ids[0]) != plain[0]


def test_audited_pairs_come_first_and_decided_ones_never(pairs: Pairs, shown: pd.DataFrame) -> None:
    audited = list(pairs.ids[:5])
    decided = list(pairs.ids[:300])
    items = blind_items(pairs, shown, "s", num_right=8, num_wrong=4, audited_keeps=audited, decided=decided)
    right = {item.image_of for item in items if not item.is_wrong}
    assert set(audited) <= right and len(right) == 8
    assert not (right - set(audited)) & set(decided)
    assert not {item.image_of for item in items if item.is_wrong} & set(decided)
    with pytest.raises(ConfigError, match="Ask for fewer"):
        blind_items(pairs, shown, "s", num_right=8, num_wrong=200)


def test_answers_to_seeded_cards_never_stand_among_the_decisions(place: str | Path) -> None:
    decisions = DecisionStore.open(place)
    decisions.append([Decision("a", "keep", "ana", "t", "k1")])
    before, revision = decisions.history(), decisions.revision()
    store = BlindStore.open(place)
    items = [BlindItem("c1", "a", "b", True), BlindItem("c2", "b", "b", False, suspicion=0.1)]
    assert store.seed(items) == 2 and store.seed(items) == 0
    given = [answer("c1", "drop"), answer("c2", "keep")]
    assert store.answer(given) == 2 and store.answer(given) == 0
    assert decisions.history().equals(before) and decisions.revision() == revision
    assert decisions.current()["verdict"].tolist() == ["keep"]
    again = BlindStore.open(place)
    assert again.answers()["card"].tolist() == ["c1", "c2"] and again.items()["is_wrong"].tolist() == [True, False]
    with pytest.raises(DecisionsError, match="a seeded card"):
        store.answer([answer("c3", "drop")])
    with pytest.raises(DecisionsError, match="Expected"):
        answer("c1", "maybe")


def test_an_annotator_is_judged_by_his_last_answers_with_exact_intervals() -> None:
    items = pd.DataFrame({"card": list("abcdefgh"), "is_wrong": [True] * 5 + [False] * 3, "suspicion": np.nan})
    given = [
        answer(card, verdict)
        for card, verdict in zip("abcdefgh", ["drop"] * 4 + ["keep"] * 3 + ["unsure"], strict=True)
    ]
    given += [answer("d", "keep"), answer("d", "relabel", key="later"), answer("a", "keep", annotator="ben")]
    answers = pd.DataFrame([vars(one) for one in given])
    found = blind_result(items, answers, "ana")
    assert (found.known_wrong.right, found.known_wrong.asked) == (4, 5)
    assert (found.known_right.right, found.known_right.asked, found.unsure) == (2, 2, 1)
    assert binom.sf(3, 5, found.known_wrong.low) == pytest.approx(0.05)
    assert binom.cdf(4, 5, found.known_wrong.high) == pytest.approx(0.05)
    assert found.known_right.high == 1 and found.known_right.low == pytest.approx(0.05**0.5)
    assert found.ranking is None and "4 of 5 known-wrong" in found.sentence()
    assert blind_result(items, answers).known_wrong.asked == 6
    assert np.isnan(blind_result(items, answers, "nobody").known_wrong.share)


def test_the_ranking_is_judged_where_cards_were_scored() -> None:
    random, held = np.random.default_rng(0), []
    for _ in range(200):
        is_wrong = np.arange(40) < 20
        items = pd.DataFrame({"card": range(40), "is_wrong": is_wrong, "suspicion": random.normal(size=40) + is_wrong})
        found = blind_result(items, pd.DataFrame(columns=["card", "annotator", "verdict"]))
        assert found.ranking == pytest.approx(roc_auc_score(is_wrong, items["suspicion"]))
        held.append(found.ranking_low <= 0.7602 <= found.ranking_high)  # Φ(1/√2)
    assert 0.85 < np.mean(held) < 0.97
