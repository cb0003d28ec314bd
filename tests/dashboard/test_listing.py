"""Which pairs are listed: filters, orders, and how a filter stands in the URL."""

import random
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from ranked import ranked_tables
from synthetic_run import WORDS, synthetic_run

from dashboard.filters import (
    KINDS,
    MARKS,
    MEASURES,
    ROLES,
    SHOWS,
    Filters,
    Range,
    query_text,
    read_query_text,
)
from dashboard.listing import PAGE_SIZE, SORTS, Listed, Listing, stand_among
from dashboard.run_tables import RunTables

SCORES = pd.DataFrame(
    {
        "pair_id": ["a", "b", "c", "d"],
        "pair_index": [0, 1, 2, 3],
        "caption": ["a red bus", "A Bus, red (x)", "two cats", "STRASSE <b>bus</b>"],
        "label": ["bus", "bus", "cat", None],
        "suspicion": [0.75, 1.0, 0.25, 0.5],
        "suspicion_rank": [2, 1, 4, 3],
        "influence": [0.5, -0.1, float("nan"), -0.2],
        "influence_positive": [0.5, -0.2, float("nan"), 0.2],
        "influence_negative": [0.0, -0.1, float("nan"), -0.4],
        "relative_influence": [1.0, -3.0, 0.0, -2.0],
        "clip_score": [0.9, 0.1, 0.5, 0.3],
        "pair_loss": [0.1, 5.0, 1.0, 2.0],
        "duplicate_group": [-1, 3, -1, 3],
        "suggested_caption": ["a red bus", "a bus", None, None],
        "p_wrong": [0.1, 0.9, 0.0, 0.2],
        "reason": [
            "The picture looks like another class; without it the validation loss would be lower.",
            "Other captions fit this picture better.",
            "",
            "Picture and caption lie far apart. Its caption looks odd: one word.",
        ],
    },
    index=["a", "b", "c", "d"],
)
SIGNALS = pd.DataFrame(
    {"pair_id": ["d", "c", "b", "a"], "unseen_influence": [1.0, -1.0, -1.0, -1.0], "margin": [0.1, 0.2, 0.3, 0.4]}
).set_index("pair_id")
DECISIONS = pd.DataFrame({"pair_id": ["b", "elsewhere"], "verdict": ["drop", "keep"]}).set_index("pair_id", drop=False)


RANKED = SCORES.join(SIGNALS)


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Listing:
    return Listing(ranked_tables(tmp_path_factory.mktemp("listing"), RANKED))


def ids(
    listing: Listing, filters: Filters, sort: str = "suspicion", decisions: pd.DataFrame = DECISIONS, revision: int = 2
) -> list[str]:
    listed = Listed(filters, sort, revision)
    listing.learn(listed, decisions)
    found = [one for batch in listing.ids(listed) for one in batch]
    assert listing.count(listed) == len(found)
    return found


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["a", "b", "c", "d"]),
        ({"show": "open"}, ["a", "c", "d"]),
        ({"show": "decided"}, ["b"]),
        ({"show": "drop"}, ["b"]),
        ({"show": "keep"}, []),
        ({"labels": ("cat",)}, ["c"]),
        ({"labels": ("cat", "bus", "ship")}, ["a", "b", "c"]),
        ({"words": "RED bus"}, ["a", "b"]),
        ({"words": "straße"}, ["d"]),
        ({"words": "(x)"}, ["b"]),
        ({"words": "no such"}, []),
        ({"kinds": ("label_quality",)}, ["a"]),
        ({"kinds": ("caption_loss", "oddity")}, ["b", "d"]),
        ({"kinds": ("unseen_influence",)}, ["a"]),
        ({"roles": "negative"}, ["d"]),
        ({"roles": "both"}, ["b"]),
        ({"roles": "neither"}, ["a"]),
        ({"roles": "positive"}, []),
        ({"marks": ("duplicate",)}, ["b", "d"]),
        ({"marks": ("suggested",)}, ["b"]),
        ({"marks": ("defended",)}, ["a"]),
        ({"marks": ("duplicate", "suggested")}, ["b"]),
        ({"ranges": (Range("clip_score", 0.1, 0.3),)}, ["b", "d"]),
        ({"ranges": (Range("influence", None, 1.0),)}, ["a", "b", "d"]),
        ({"ranges": (Range("margin", 0.25), Range("p_wrong", None, 0.5))}, ["a"]),
        ({"sort": "suspicion"}, ["b", "a", "d", "c"]),
        ({"sort": "influence"}, ["d", "b", "a", "c"]),
        ({"sort": "negative"}, ["d", "b", "a", "c"]),
        ({"sort": "loss"}, ["b", "d", "c", "a"]),
        ({"sort": "clip"}, ["b", "d", "c", "a"]),
        ({"sort": "clip", "show": "open", "words": "bus"}, ["d", "a"]),
    ],
)
def test_filters_and_orders_list_the_right_pairs(filters: dict, expected: list[str], listing: Listing) -> None:
    given = {"show": "all", **filters}
    sort = given.pop("sort", "table")
    assert ids(listing, Filters(**given), sort) == expected
    listed = Listed(Filters(**given), sort, 2)
    if expected:
        assert listing.page(listed, 1).rows.index.tolist() == expected
    for place, pair_id in enumerate(expected, start=1):
        stand = listing.stand(listed, pair_id)
        assert stand == stand_among(expected, pair_id) and stand.place == place
    assert {one for one in "abcd" if listing.stand(listed, one) is None} == set("abcd") - set(expected)


def test_the_learned_order_follows_the_rank_that_is_given_and_the_rest_comes_behind(listing: Listing) -> None:
    listed = Listed(Filters("all"), "learned", 9)
    assert not listing.knows(listed)
    listing.learn(listed, DECISIONS, pd.Series([1, 2], index=["c", "a"]))
    assert listing.knows(listed)
    assert [one for batch in listing.ids(listed) for one in batch] == ["c", "a", "b", "d"]
    page = listing.page(listed, 1).rows
    assert page.index.tolist() == ["c", "a", "b", "d"] and page["rank"].tolist() == [1, 2, 3, 5]
    assert listing.stand(listed, "b").before == "a"


def test_a_list_knows_the_decisions_of_its_revision_and_no_others(listing: Listing) -> None:
    bus = Filters(words="bus")
    assert ids(listing, bus) == ["a", "d"]
    assert ids(listing, bus, decisions=DECISIONS.iloc[:0], revision=3) == ["b", "a", "d"]
    assert ids(listing, bus, decisions=DECISIONS.iloc[:0], revision=2) == ["a", "d"]  # as it was made known
    assert not listing.knows(Listed(bus, "suspicion", 4))


def test_what_people_type_is_only_ever_a_value(listing: Listing) -> None:
    for text in ("'", "' OR true --", '"; DROP TABLE ranked; --', "%", "_", "\\", "?", "$1", "{caption}"):
        assert ids(listing, Filters("all", words=text)) == []
        assert ids(listing, Filters("all", labels=(text,))) == []
    assert len(ids(listing, Filters("all"))) == 4


def test_pages_joined_are_the_whole_list_however_they_are_reached(tmp_path: Path) -> None:
    chance, number = np.random.default_rng(0), 1_000
    values = np.where(chance.random(number) < 0.2, np.nan, chance.integers(0, 5, number))  # many alike, some missing
    rows = pd.DataFrame(
        {
            "pair_id": [f"p{n}" for n in chance.permutation(number)],
            "pair_index": range(number),
            "suspicion_rank": chance.permutation(number) + 1,
            "pair_loss": values,
            "clip_score": values,
            "thumbnail": [f"t{n}" for n in range(number)],
        }
    )
    for sort in ("suspicion", "clip", "loss", "table"):
        listing, listed = Listing(ranked_tables(tmp_path / sort, rows)), Listed(Filters(), sort, 1)
        whole = ids(listing, Filters(), sort, DECISIONS, 1)
        column, sign = SORTS[sort][1], 1 if SORTS[sort][2] else -1
        by_rank = rows.sort_values("suspicion_rank")
        order = np.argsort(sign * by_rank[column].to_numpy(dtype=float), kind="stable")
        assert whole == by_rank["pair_id"].iloc[order].tolist()
        num_pages = -(-number // PAGE_SIZE)
        for pages in (range(1, num_pages + 1), chance.permutation(num_pages) + 1):
            fresh = Listing(listing.tables)
            found = {int(page): fresh.page(listed, int(page)) for page in pages}
            assert [one for page in sorted(found) for one in found[page].rows.index] == whole
        names = rows.set_index("pair_id")["thumbnail"]
        assert found[1].next_thumbnails == tuple(names[whole[PAGE_SIZE : 2 * PAGE_SIZE]])
        assert found[num_pages].next_thumbnails == () and listing.stand(listed, whole[500]).after == whole[501]


def test_a_run_without_signals_says_what_it_cannot_answer(tmp_path: Path, listing: Listing) -> None:
    bare = Listing(ranked_tables(tmp_path, SCORES.drop(columns=["reason", "p_wrong"])))
    wanted = Filters(
        kinds=("margin",), marks=("defended", "duplicate"), ranges=(Range("margin", 0.0), Range("clip_score", 0.2))
    )
    usable, cannot = bare.usable(wanted)
    assert usable == Filters(marks=("duplicate",), ranges=(Range("clip_score", 0.2),))
    assert cannot == [wanted.parts()[part] for part in ("range:margin", "kind:margin", "mark:defended")]
    assert bare.kinds() == [] and "defended" not in bare.marks() and "p_wrong" not in bare.measures()
    assert listing.usable(wanted) == (wanted, []) and listing.has_signals and not bare.has_signals


def test_kinds_and_measures_that_say_the_same_are_offered_once(tmp_path: Path) -> None:
    listing = Listing(ranked_tables(tmp_path, RANKED.assign(caption_loss=0.0, caption_association_loss=0.0)))
    assert listing.kinds() == ["similarity", "caption_loss", "label_quality", "unseen_influence", "oddity"]
    assert "caption_loss" in listing.measures() and "caption_association_loss" not in listing.measures()
    assert listing.labels() == ["bus", "cat"]


def test_an_empty_list_can_say_which_filter_to_take_away(listing: Listing) -> None:
    listed = Listed(Filters(show="decided", words="cats", labels=("cat",)), "suspicion", 2)
    listing.learn(listed, DECISIONS)
    assert listing.counts_without(listed) == {"words": 0, "label:cat": 0, "show": 1}


def some_filters(chance: random.Random) -> Filters:
    bounds = {
        column: sorted(chance.choice([chance.gauss(0, 1e-5), chance.gauss(0, 1e9), 0.1, -0.0, 1e-320]) for _ in "ab")
        for column in chance.sample(list(MEASURES), chance.randrange(4))
    }
    cut = [(None, 1), (0, None), (0, 1)]
    ranges = []
    for column, pair in bounds.items():
        low, high = chance.choice(cut)
        ranges.append(Range(column, None if low is None else pair[0], None if high is None else pair[1]))
    texts = [
        "fox",
        "a&b=c",
        "100 %",
        "+plus+",
        "<b>",
        "日本 語",
        "ي",
        "a:b..c",
        "#?/\\",
        "..",
        " spaces  inside ",
        "é\n",
    ]
    return Filters(
        show=chance.choice(list(SHOWS)),
        words=chance.choice(["", *texts]),
        labels=tuple(chance.sample(texts, chance.randrange(4))),
        kinds=tuple(chance.sample(list(KINDS), chance.randrange(3))),
        roles=chance.choice(["", *ROLES]),
        marks=tuple(chance.sample(list(MARKS), chance.randrange(3))),
        ranges=tuple(ranges),
    )


def test_a_link_gives_exactly_the_filters_it_was_made_from() -> None:
    chance, seen = random.Random(0), set()
    for _ in range(500):
        filters, sort = some_filters(chance), chance.choice(list(SORTS))
        text = query_text(filters, sort)
        parameters = read_query_text(text + "&run=x&pair=y")
        assert Filters.from_url(parameters) == (filters, [])
        assert parameters["sort"] == [sort] and set(parameters) <= {*filters.to_url(), "sort"}
        seen.add(text)
    assert len(seen) > 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"show": ["everything"]},
        {"kind": ["no such"]},
        {"roles": ["villain"]},
        {"mark": ["x"]},
        {"range": ["clip_score:0.3"]},
        {"range": ["clip_score:.."]},
        {"range": ["clip_score:nan..1"]},
        {"range": ["clip_score:-inf..1"]},
        {"range": ["clip_score:2..1"]},
        {"range": ["pair_id:0..1"]},
        {"range": ["clip_score:0..1..2"]},
        {"range": ["clip_score:__import__('os')..1"]},
        {"words": ["x" * 10_000]},
    ],
)
def test_what_makes_no_sense_in_a_link_is_passed_over_and_said(wrong: dict[str, list[str]]) -> None:
    good = {"label": ["fox"], "look": ["list"], "page": ["three"]}
    filters, notes = Filters.from_url({**good, **wrong})
    assert filters == Filters(labels=("fox",))
    assert len(notes) == 1 and len(notes[0]) < 60


def test_each_part_can_be_taken_away_by_its_name() -> None:
    filters = Filters(
        "keep",
        "red",
        ("a", "b:c"),
        ("margin",),
        "both",
        ("duplicate",),
        (Range("clip_score", 0.1), Range("influence", None, 0.0)),
    )
    parts = filters.parts()
    assert list(parts)[-1] == "show" and parts["range:influence"] == "Influence: up to 0"
    for part in parts:
        rest = filters.without(part)
        assert set(rest.parts()) == set(parts) - {part}
        filters_again, _ = Filters.from_url(rest.to_url())
        assert filters_again == rest
    assert filters.without("label:b") == filters and filters.cleared() == Filters("keep")


def test_narrowing_replaces_the_bounds_of_one_measure_in_place() -> None:
    first = Filters().narrowed("clip_score", 0.1, None).narrowed("influence", None, 0.0)
    assert first.narrowed("clip_score", 0.2, 0.3).ranges == (
        Range("clip_score", 0.2, 0.3),
        Range("influence", None, 0.0),
    )
    assert first.narrowed("clip_score", None, None).ranges == (Range("influence", None, 0.0),)


@pytest.mark.alone
def test_100_000_pairs_are_filtered_in_a_moment_and_never_held(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, 100_000)
    listing = Listing(RunTables.open(run))
    decisions = pd.DataFrame({"pair_id": [f"p{n:07d}" for n in range(0, 100_000, 7)], "verdict": "drop"})
    bounds = (Range("clip_score", 0.5, 0.7),)
    everything = Filters("open", "red night", ("fox", "cat"), ("label_quality", "margin"), "negative", (), bounds)
    before = psutil.Process().memory_info().rss
    seconds = []
    for turn in range(8):
        listed = Listed(replace(everything, words=f"red {WORDS[turn]}"), ("clip", "suspicion")[turn % 2], turn)
        listing.learn(listed, decisions)
        start = time.process_time()
        assert 0 < listing.count(listed) < 1_000 and len(listing.page(listed, 1).rows)
        seconds.append(time.process_time() - start)
    grown = psutil.Process().memory_info().rss - before
    print(f"filtered in {np.median(seconds) * 1000:.0f} ms of processor; {grown / 2**20:.0f} MiB more than before")
    assert np.median(seconds) < 0.5 and grown < 250 * 2**20
