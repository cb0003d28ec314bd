"""What pages show of the detection, and what they say where a run has none."""

from pathlib import Path

import pandas as pd
import pytest
from pages import button, listed_on, open_page, words_on
from streamlit.testing.v1 import AppTest

from dashboard import cache
from dashboard.findings import depth_worth_looking, precision_by_depth
from dashboard.state import account_name
from engine.learning import advise
from engine.ranked_table import write_ranked
from engine.review import Decision, DecisionStore
from engine.review.blind import BlindAnswer, BlindStore
from engine.runs import RunFolder, write_table


def decide(runs_dir: Path, verdicts: dict[str, str]) -> None:
    DecisionStore.open(runs_dir / "decisions.sqlite").append(
        [
            Decision(pair_id=pair_id, verdict=verdict, annotator="a", decided_at="2026-01-01T00:00", client_key=pair_id)
            for pair_id, verdict in verdicts.items()
        ]
    )


def with_labels(run: RunFolder) -> pd.DataFrame:
    labels = run.table("pairs").set_index("pair_id")["label"]
    return run.table("signals").set_index("pair_id").join(labels)


@pytest.fixture
def unlearned(runs_dir: Path, sample_run: RunFolder, request: pytest.FixtureRequest) -> RunFolder:
    """The sample run as an earlier version left it, or as one of too few pairs."""
    run = RunFolder(runs_dir / sample_run.run_id)
    if request.param == "earlier version":
        (run.path / "signals.parquet").unlink()
    else:
        signals = run.table("signals")
        write_table(run.path / "signals.parquet", signals[["pair_id"]].assign(
            p_wrong=float("nan"), suspicion=float("nan"), suspicion_rank=float("nan"), reason=""))  # fmt: skip
        run.update_record(detection={"is_cross_fitted": False})
    write_ranked(run)
    return run


def test_the_overview_says_how_many_captions_are_wrong_and_how_deep_to_look(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    app = open_page("overview")
    assert not app.exception and not app.error
    found, num_pairs = sample_run.record["detection"], sample_run.record["counts"]["train"]
    assert f"### {round(found['estimated_share'] * num_pairs)} of {num_pairs:,}\n" in words_on(app)
    half = depth_worth_looking(precision_by_depth(sample_run.table("signals")))
    assert half > 20
    words = words_on(app)
    assert f"Look at the {half} most suspicious pairs at least" in words
    assert f"**{round(100 * found['found_again']['elsewhere'])}** with captions from elsewhere" in words
    assert "at least" in words and "annotators called" not in words


def test_the_overview_compares_the_estimate_with_what_annotators_found(runs_dir: Path, sample_run: RunFolder) -> None:
    first = sample_run.table("signals").nsmallest(10, "suspicion_rank")["pair_id"]
    decide(runs_dir, dict.fromkeys(first, "keep"))
    words = words_on(open_page("overview"))
    assert "The estimate counts too many" in words
    assert "Of 10 decided pairs annotators called **0** wrong; 10 expected." in words


@pytest.mark.parametrize("unlearned", ["earlier version", "too few pairs"], indirect=True)
def test_pages_of_a_run_without_cross_fitting_say_what_is_missing(unlearned: RunFolder) -> None:
    app = open_page("overview")
    assert not app.exception and not app.error
    assert "Not estimated for this run" in words_on(app)
    app = open_page("suspicious")
    assert not app.exception and "Learned from decisions" not in app.selectbox(key="sort").options
    assert "low CLIP score and high loss alone" in words_on(app)
    app = open_page("suspicious", look="Look at next")
    assert not app.exception and "Nothing to learn from in this run" in words_on(app)
    app = open_page("decisions")
    assert not app.exception and "Not possible for this run" in words_on(app)
    app = open_page("pair", pair=unlearned.table("scores")["pair_id"].iloc[0])
    assert not app.exception and "Not computed for this run" in words_on(app)


def batch_of(app: AppTest) -> list[str]:
    return list(app.session_state["look_next"]["reasons"])


def test_look_at_next_keeps_its_batch_until_the_next_one_is_asked_for(runs_dir: Path, sample_run: RunFolder) -> None:
    app = open_page("suspicious", look="Look at next")
    assert not app.exception and not app.error
    advice = advise(with_labels(sample_run), pd.DataFrame({"pair_id": [], "verdict": []}))
    first = batch_of(app)
    assert first == advice.proposals["pair_id"].tolist()
    assert next(iter(app.session_state["look_next"]["reasons"].values())) == "audit"
    assert advice.sentence in words_on(app) and "**0 of 20 decided.**" in words_on(app)
    assert button(app, "Learn from these and propose the next").disabled
    decide(runs_dir, {pair_id: "drop" if number % 2 else "keep" for number, pair_id in enumerate(first[:7])})
    app.run()
    assert batch_of(app) == first
    assert "**7 of 20 decided.**" in words_on(app)
    button(app, "Learn from these and propose the next").click().run()
    assert not app.exception
    assert not set(batch_of(app)) & set(first[:7])
    assert "4 were drawn at random" in words_on(app)


def test_when_all_is_decided_look_at_next_says_so(runs_dir: Path, sample_run: RunFolder) -> None:
    decide(runs_dir, dict.fromkeys(sample_run.table("scores")["pair_id"], "keep"))
    words = words_on(open_page("suspicious", look="Look at next"))
    assert "All pairs are decided" in words and "Every pair has been looked at." in words


def test_the_learned_order_is_that_of_the_decisions_and_stays_until_asked_for(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    signals = with_labels(sample_run)
    labels = signals["label"]
    kept = signals.index[(labels == "fox") | (labels == "cat")][:60]
    verdicts = {pair_id: "drop" if labels[pair_id] == "cat" else "keep" for pair_id in kept}
    decide(runs_dir, verdicts)
    current = pd.DataFrame({"pair_id": list(verdicts), "verdict": list(verdicts.values())})
    ranking = advise(signals, current).ranking.drop(index=kept).sort_values("rank")
    app, run = open_page("suspicious", sort="learned"), RunFolder(runs_dir / sample_run.run_id)
    assert not app.exception and not app.error
    listed = listed_on(app, run)
    assert listed == ranking.index.tolist()
    assert listed != signals.drop(index=kept).sort_values("suspicion_rank").index.tolist()
    decide(runs_dir, {listed[0]: "keep", listed[1]: "keep"})
    app.run()
    assert listed_on(app, run) == listed
    button(app, "Learn and list again").click().run()
    assert listed[0] not in listed_on(app, run)


def test_the_pair_page_says_why_a_pair_is_suspected(runs_dir: Path, sample_run: RunFolder) -> None:
    signals = sample_run.table("signals")
    worst = signals.nsmallest(1, "suspicion_rank").iloc[0]
    app = open_page("pair", pair=worst["pair_id"])
    assert not app.exception and not app.error
    assert worst["reason"] and worst["reason"] in words_on(app)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Probability that the caption is wrong"] == "above 99 %"
    best = signals[signals["reason"] == ""].iloc[0]
    assert "Nothing speaks against this pair." in words_on(open_page("pair", pair=best["pair_id"]))


SUGGESTED = [(2, "a second *one*", 0.6, float("nan"), "class prompt"),
             (1, "the <b>best</b> one", 0.9, -2e-4, "caption of another pair")]  # fmt: skip


def test_a_suggested_caption_goes_into_the_field_and_from_there_into_the_store(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    pair_id = sample_run.table("scores")["pair_id"].iloc[0]
    columns = ["rank", "caption", "fit", "effect", "source"]
    table = pd.DataFrame(SUGGESTED, columns=columns).assign(pair_id=pair_id)
    write_table(runs_dir / sample_run.run_id / "suggestions.parquet", table)
    app = open_page("pair", pair=pair_id)
    assert not app.exception and not app.error
    words = words_on(app)
    assert "caption of another pair · fit 0.90 · would lower the validation loss by 2.0e-04 nats" in words
    assert "class prompt · fit 0.60" in words
    next(one for one in app.button if one.key == f"use_0_{pair_id}").click().run()
    assert not app.exception and app.text_area[0].value == "the <b>best</b> one"
    button(app, "Relabel").click().run()
    store = DecisionStore.open(runs_dir / "decisions.sqlite")
    assert store.current()["new_caption"].tolist() == ["the <b>best</b> one"]


def test_without_a_table_of_suggestions_the_single_one_is_offered(runs_dir: Path, sample_run: RunFolder) -> None:
    (runs_dir / sample_run.run_id / "suggestions.parquet").unlink(missing_ok=True)
    captions = sample_run.table("pairs").set_index("pair_id")["caption"]
    scores = sample_run.table("scores").set_index("pair_id")
    is_new = scores["suggested_caption"] != captions.reindex(scores.index)
    app = open_page("pair", pair=scores.index[is_new][0])
    assert not app.exception
    assert [one.label for one in app.button].count("Use") == 1
    assert "the data set's caption that fits this picture best" in words_on(app)


def answer_all(runs_dir: Path, annotator: str, wrongly: set[str]) -> pd.DataFrame:
    """Answer every card rightly but those named; returns the cards."""
    store = BlindStore.open(runs_dir / "decisions.sqlite")
    items = store.items()
    store.answer(
        [
            BlindAnswer(
                card=item.card,
                verdict="drop" if bool(item.is_wrong) != (item.card in wrongly) else "keep",
                annotator=annotator,
                answered_at="2026-01-01T00:00",
                client_key=f"{annotator}-{item.card}",
            )
            for item in items.itertuples()
        ]
    )
    return items


def test_a_blind_check_is_started_answered_and_judged_apart_from_the_decisions(
    runs_dir: Path, sample_run: RunFolder
) -> None:
    app = open_page("decisions")
    assert not app.exception and "Twenty cards whose answer is known" in words_on(app)
    button(app, "Start a check with 20 cards").click().run()
    assert not app.exception and "**0 of 20 answered.**" in words_on(app)
    store = BlindStore.open(runs_dir / "decisions.sqlite")
    items = store.items()
    assert len(items) == 20 and 6 <= items["is_wrong"].sum() <= 14
    assert items["run_id"].unique().tolist() == [sample_run.run_id]
    missed = items.loc[items["is_wrong"].astype(bool), "card"].iloc[0]
    answer_all(runs_dir, account_name(), {missed})
    app.run()
    button(app, "Show the result").click().run()
    assert not app.exception and not app.error
    shown = {metric.label: metric for metric in app.metric}
    num_wrong = int(items["is_wrong"].sum())
    assert shown["Wrong pairs you recognised"].value == f"{num_wrong - 1} of {num_wrong}"
    assert "90 % interval" in shown["Wrong pairs you recognised"].delta
    assert shown["Right pairs you left alone"].value == f"{20 - num_wrong} of {20 - num_wrong}"
    assert "Where you and the check differ" in words_on(app)
    assert DecisionStore.open(runs_dir / "decisions.sqlite").current().empty
    button(app, "Start a check with 20 cards").click().run()
    again = store.items().iloc[20:]
    assert len(again) == 20
    used = {*items["image_of"], *items["caption_of"]}
    assert not used & {*again["image_of"], *again["caption_of"]}


def test_a_blind_check_that_has_no_pairs_left_says_so(runs_dir: Path, sample_run: RunFolder) -> None:
    decide(runs_dir, dict.fromkeys(sample_run.table("scores")["pair_id"], "keep"))
    app = open_page("decisions")
    button(app, "Start a check with 20 cards").click().run()
    assert not app.exception
    assert "not enough undecided pairs" in "".join(str(one.value) for one in app.warning)


def test_with_more_pairs_than_it_can_learn_about_the_most_suspicious_are_learned_and_the_rest_follow(
    runs_dir: Path, sample_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LEARN_AMONG", 200)
    run = RunFolder(runs_dir / sample_run.run_id)
    ranked = run.table("ranked")
    decide(runs_dir, dict.fromkeys(ranked["pair_id"][:30:2], "keep"))
    app = open_page("suspicious", sort="learned", show="all")
    assert not app.exception and not app.error
    listed = listed_on(app, run)
    assert set(listed[:200]) == set(ranked["pair_id"][:200]) and listed[:200] != ranked["pair_id"][:200].tolist()
    assert listed[200:] == ranked["pair_id"][200:].tolist()
    said = f"Learned from, and said of, the 200 most suspicious pairs. The other {len(ranked) - 200:,} follow"
    assert said in words_on(app)
    app = open_page("suspicious", look="Look at next")
    assert not app.exception and said in words_on(app)
    assert set(batch_of(app)) < set(ranked["pair_id"][:200])
    assert f"{ranked['p_wrong'][200:].sum():,.0f} of them are estimated" in words_on(app)
