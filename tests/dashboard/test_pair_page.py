"""The Pair page: its nearest pairs, its history, and the way through the list one came from."""

from pathlib import Path

import pandas as pd
from pages import button, open_page, words_on

from dashboard.components.list_steps import GO_ON, LISTED
from dashboard.components.nearest import SHOWN, nearest_rows
from engine.review import Decision, DecisionStore
from engine.runs import RunFolder


def ranked(run: RunFolder, number: int) -> list[str]:
    return run.table("scores").nsmallest(number, "suspicion_rank")["pair_id"].tolist()


def open_in_list(pair_id: str, listed: list[str]):
    app = open_page("pair", pair=pair_id)
    app.session_state[LISTED] = listed
    return app.run()


def test_nearest_rows_are_the_nearest_of_one_kind_in_their_order() -> None:
    neighbours = pd.DataFrame(
        {
            "pair_id": "own",
            "kind": ["image"] * 6 + ["caption"] * 2,
            "other_pair_id": ["f", "a", "b", "c", "d", "e", "b", "a"],
            "similarity": [0.1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3],
            "rank": [6, 1, 2, 3, 4, 5, 1, 2],
        }
    )
    scores = pd.DataFrame({"pair_id": list("abcdef"), "caption": list("ABCDEF"), "label": None, "thumbnail": None})
    scores = scores.set_index("pair_id", drop=False)
    found = nearest_rows(neighbours, scores, "image")
    assert found.index.tolist() == list("abcde") and found["caption"].tolist() == list("ABCDE")
    assert found["similarity"].tolist() == [0.9, 0.8, 0.7, 0.6, 0.5] and len(found) == SHOWN
    assert nearest_rows(neighbours, scores, "caption").index.tolist() == ["b", "a"]
    assert nearest_rows(neighbours.head(0), scores, "image").empty


def test_the_page_shows_pictures_and_captions_like_this_one(runs_dir: Path, sample_run: RunFolder) -> None:
    app = open_page("pair", pair=ranked(sample_run, 1)[0])
    assert not app.exception
    assert {"Pictures like this one", "Captions like this one"} <= {one.value for one in app.subheader}


def test_a_run_of_an_earlier_version_says_that_similar_pairs_are_not_computed(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    (runs_dir / sample_run.run_id / "neighbours.parquet").unlink()
    app = open_page("pair", pair=ranked(sample_run, 1)[0])
    assert not app.exception and "to see similar pairs" in words_on(app)
    assert "Pictures like this one" not in {one.value for one in app.subheader}


def test_next_and_previous_go_through_the_list_one_came_from(runs_dir: Path, sample_run: RunFolder) -> None:
    first, second, third = listed = ranked(sample_run, 3)
    app = open_in_list(second, listed)
    assert "**2** of 3 in the list" in words_on(app)
    button(app, "Next").click().run()
    assert app.query_params["pair"] == third and "**3** of 3 in the list" in words_on(app)
    assert button(app, "Next").disabled and not button(app, "Previous").disabled
    button(app, "Previous").click().run()
    button(app, "Previous").click().run()
    assert app.query_params["pair"] == first and button(app, "Previous").disabled


def test_without_a_list_or_outside_of_it_there_is_no_next(runs_dir: Path, sample_run: RunFolder) -> None:
    first, second, third = ranked(sample_run, 3)
    assert "in the list" not in words_on(open_page("pair", pair=first))
    assert "in the list" not in words_on(open_in_list(third, [first, second]))


def test_a_decision_leads_to_the_next_pair_only_if_that_is_wished(runs_dir: Path, sample_run: RunFolder) -> None:
    first, second = listed = ranked(sample_run, 2)
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    app = open_in_list(first, listed)
    button(app, "Keep").click().run()
    assert app.query_params["pair"] == first and store.current()["verdict"].tolist() == ["keep"]
    app.toggle(key=GO_ON).set_value(True).run()
    button(app, "Drop").click().run()
    assert app.query_params["pair"] == second
    assert store.current().set_index("pair_id")["verdict"].to_dict() == {first: "drop"}
    button(app, "Unsure").click().run()  # the last of the list: the page stays
    assert app.query_params["pair"] == second and len(store.current()) == 2


def test_the_history_tells_each_decision_and_what_was_taken_back(runs_dir: Path, sample_run: RunFolder) -> None:
    pair_id = ranked(sample_run, 1)[0]
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    for number, (verdict, caption) in enumerate([("drop", None), ("relabel", "a **bold** <b>caption</b>")]):
        store.append(
            [
                Decision(
                    pair_id=pair_id, verdict=verdict, new_caption=caption, annotator="Ann *of* Green",
                    decided_at=f"2026-01-0{number + 1}T08:30:00", seconds_spent=4.2, client_key=f"k-{number}",
                )
            ]
        )  # fmt: skip
    store.undo(pair_id, "Ann *of* Green", "k-9")
    app = open_page("pair", pair=pair_id)
    assert not app.exception
    told = [one.value for one in app.text if "Ann" in str(one.value)]
    assert len(told) == 3 and told[-1] == "2026-01-01 08:30 UTC · Ann *of* Green · 4 s"  # as text, the latest first
    assert "Nobody has decided" not in words_on(app)


def test_the_list_one_came_from_is_that_of_the_gallery_where_the_pair_was_opened(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    traces = sample_run.table("traces")
    query = traces["query_id"].iloc[0]
    pushing = traces[(traces["query_id"] == query) & (traces["side"] == "hurts")].nsmallest(2, "rank")["pair_id"]
    first, second = ranked(sample_run, 62)[-1], pushing.iloc[1]
    app = open_page("suspicious", page="2")
    app.session_state["suspicious_gallery_opened"] = first  # what the browser's click leaves
    app.run()
    assert not app.exception and "**62** of 1," in words_on(app)
    app.switch_page("views/trace_back.py").run()
    app.query_params["query"] = query
    app.run()
    app.session_state["trace_hurts_opened"] = second
    app.run()
    assert not app.exception and "**2** of 12 in the list" in words_on(app)
