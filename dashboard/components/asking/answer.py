"""What the model says of the picture, in words and bars; then the training pairs behind it, ready to be decided."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import cache, predictions, wording
from dashboard.components.asking.bars import share_bars
from dashboard.components.boxes import empty
from dashboard.components.gallery_page import deciding_gallery
from dashboard.state import store
from dashboard.tables import bar_scale, pair_tiles
from engine.asking import Answer, Explanation
from engine.runs import RunFolder

SHOWN_CLASSES, SHOWN_CAPTIONS = 6, 4
SIDE, NAMES, ABOUT = "ask_side", "ask_side_names", "ask_about"
PAIRS, BEHIND = "pairs", "behind"
"""the side and what is explained, in the URL"""
SPLITS = {"train": "training", "validation": "validation", "test": "test"}
ABOUTS = {"answer": "Behind the class", "label": "Behind the class", "caption": "Behind the caption"}
SIDES = {
    "answer": {"helps": "Taught this answer", "hurts": "Spoke against it"},
    "label": {"hurts": "Pushed away from what it should be", "helps": "Spoke for it"},
    "caption": {"hurts": "Made the caption fit less", "helps": "Made it fit"},
}
NEAREST = {"image": "Most like the picture", "caption": "Most like the caption"}
MEANINGS = {
    "answer": "Teal made this answer more likely, orange less likely.",
    "label": "Orange made the class that you named less likely, teal more likely.",
    "caption": "Orange made picture and caption fit less, teal made them fit more.",
}


def class_card(answer: Answer) -> None:
    """What the model sees: its answer in words, and the most probable classes."""
    label = next((one.text for one in answer.explanations if one.about == "label"), None)
    with st.container(border=True, height="stretch"):
        st.markdown(f"##### {_headline(answer, label)}")
        st.text(_classes_in_words(answer, label))
        share_bars(_class_rows(answer.probabilities, label), key="ask_classes")


def caption_card(answer: Answer) -> None:
    """How the caption fits, beside the captions that fit best."""
    caption = next(one.text for one in answer.explanations if one.about == "caption")
    rank, number = answer.fit.ranks["train"]
    with st.container(border=True, height="stretch"):
        better = f"{rank - 1:,} of {number - 1:,} training captions fit" if rank > 1 else "No training caption fits"
        st.markdown(f"##### {better} this picture better than yours")
        st.text(_fit_in_words(answer))
        share_bars(_caption_rows(answer, caption), key="ask_captions", long=True)


def culprits(answer: Answer, run: RunFolder) -> None:
    """The pairs on each side, and the nearest ones."""
    st.markdown("##### Which training pairs are behind it?")
    controls = st.container(horizontal=True)
    with controls:
        one = _chosen_explanation(answer)
    with controls:
        side = _chosen_side(answer, _side_names(answer, one))
    scores = cache.tables(run).scores_by_id([*one.pairs["pair_id"], *answer.nearest["pair_id"]])
    if side in NEAREST:
        rows, scale = _nearest_rows(answer, scores, side), cache.score_scale(run)
        st.markdown(f"The training pairs {NEAREST[side].lower()}. Bars: their influence on the validation loss.")
    else:
        rows = predictions.culprits(one.pairs, scores, run.config.trace_role, side)
        scale = bar_scale(rows)
        st.markdown(f"{wording.RANKED_IN_WORDS[run.config.trace_role]} {MEANINGS[one.about]} {wording.KEYS_IN_WORDS}")
    if rows.empty:
        empty("No pair on this side", "No training pair pushed this way.", ":material/balance:")
        return
    tiles = pair_tiles(rows, run.run_id, cache.decisions(store()))
    if side in NEAREST:
        for tile, similarity in zip(tiles, rows["similarity"], strict=True):
            tile["badges"] = [f"{similarity:.2f} alike", *tile["badges"]]
    deciding_gallery(tiles, run, rows["suspicion"].to_dict(), key=f"ask_gallery_{side}", bar_scale=scale)
    with st.expander("How to read this"):
        st.markdown(wording.INFLUENCE_IN_WORDS)
        st.markdown(
            "Here the loss in question is that of **your picture**: −log of the probability of the class, or the "
            "loss of picture and caption as one pair among validation pairs."
        )
        st.markdown(wording.ROLES_IN_WORDS)
        st.markdown(wording.RELATIVE_IN_WORDS)
        st.caption(one.status)


def _headline(answer: Answer, label: str | None) -> str:
    """A sentence without strangers' text: it is read as markdown."""
    if label is None:
        return f"The model is {answer.probabilities['probability'].iloc[0]:.0%} sure"
    return "The model agrees with you" if answer.predicted == label else "The model sees something else"


def _classes_in_words(answer: Answer, label: str | None) -> str:
    said = f"It says {answer.predicted}, {answer.probability(answer.predicted):.0%} sure."
    if label is None or label == answer.predicted:
        return said
    return f"{said} You say {label}: the model gives that {wording.percent(answer.probability(label))}."


def _class_rows(classes: pd.DataFrame, label: str | None) -> list[dict[str, Any]]:
    shown = classes.head(SHOWN_CLASSES)
    if label is not None and label not in set(shown["label"]):
        shown = pd.concat([shown, classes[classes["label"] == label]])
    predicted = classes["label"].iloc[0]
    return [
        {
            "name": row.label,
            "share": row.probability,
            "value": wording.percent(row.probability),
            "mark": "yours" if row.label == label else None,
            "kinds": ["top"] * (row.label == predicted) + ["yours"] * (row.label == label),
        }
        for row in shown.itertuples()
    ]


def _fit_in_words(answer: Answer) -> str:
    ranks = [
        f"number {rank:,} among {number:,} {SPLITS[split]} captions"
        for split, (rank, number) in answer.fit.ranks.items()
    ]
    return f"Cosine {answer.fit.cosine:.2f}: {', '.join(ranks)}."


def _caption_rows(answer: Answer, caption: str) -> list[dict[str, Any]]:
    """The caption among the best ones, in the order of their fit."""
    best = answer.best_captions[answer.best_captions["caption"] != caption].head(SHOWN_CAPTIONS)
    rows = [(row.caption, row.cosine, False) for row in best.itertuples()] + [(caption, answer.fit.cosine, True)]
    return [
        {
            "name": text,
            "share": cosine,
            "value": f"{cosine:.2f}",
            "mark": "yours" if is_own else None,
            "kinds": ["top", "yours"] if is_own else [],
        }
        for text, cosine, is_own in sorted(rows, key=lambda row: -row[1])
    ]


def _chosen_explanation(answer: Answer) -> Explanation:
    by_about = {one.about: one for one in answer.explanations}
    if len(by_about) == 1:
        return answer.explanations[0]
    if st.session_state.get(ABOUT, st.query_params.get(BEHIND)) not in by_about:
        st.session_state[ABOUT] = next(iter(by_about))
    elif ABOUT not in st.session_state:
        st.session_state[ABOUT] = st.query_params[BEHIND]
    about = st.segmented_control(
        "Explain", list(by_about), format_func=ABOUTS.get, required=True, key=ABOUT, label_visibility="collapsed"
    )
    st.query_params[BEHIND] = about
    return by_about[about]


def _chosen_side(answer: Answer, names: str) -> str:
    """Of the pairs on screen; in the URL. Another kind of explanation begins with its own first side."""
    options = {**SIDES[names], **{kind: NEAREST[kind] for kind in answer.nearest["kind"].unique()}}
    before = st.session_state.get(SIDE) or st.query_params.get(PAIRS)
    is_other = st.session_state.get(NAMES, names) != names and before not in NEAREST
    st.session_state[SIDE] = next(iter(options)) if is_other or before not in options else before
    st.session_state[NAMES] = names
    side = st.segmented_control(
        "Pairs", list(options), format_func=options.get, required=True, key=SIDE, label_visibility="collapsed"
    )
    st.query_params[PAIRS] = side
    return side


def _side_names(answer: Answer, one: Explanation) -> str:
    """A label that the model agrees with is the model's own answer."""
    return "answer" if one.about == "label" and one.text == answer.predicted else one.about


def _nearest_rows(answer: Answer, scores: pd.DataFrame, kind: str) -> pd.DataFrame:
    own = answer.nearest[answer.nearest["kind"] == kind].set_index("pair_id")[["similarity", "rank"]]
    return own.join(scores.drop(columns=["rank", "similarity"], errors="ignore"), how="inner").sort_values("rank")
