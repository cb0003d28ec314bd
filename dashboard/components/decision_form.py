"""The form of the Pair page: what stands, the four verdicts, and the field for the right caption."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.components.difference import caption_change
from dashboard.components.list_steps import go_on
from dashboard.listing import Stand
from dashboard.state import annotator, decide, undo
from dashboard.wording import VERDICT_ICONS, VERDICT_WORDS
from engine.runs import RunFolder

KEYS = {"keep": "K", "drop": "D", "relabel": "L", "unsure": "U"}


def caption_key(pair_id: str) -> str:
    """The session's name for the field with the right caption of a pair."""
    return f"caption_{pair_id}"


def decision_form(
    run: RunFolder, pair: pd.Series, standing: pd.Series | None, score: pd.Series | None, steps: Stand | None
) -> None:
    """Decide one pair by button or key, or take the decision back.

    Args:
        run: whose scores are on screen.
        pair: the pair's row.
        standing: the decision that stands; None without one.
        score: the pair's row of scores; None for pairs that were not trained on.
        steps: the pair's place in the list one came from; None without one.
    """
    pair_id = pair["pair_id"]
    if standing is not None:
        verdict = standing["verdict"]
        st.badge(f"{VERDICT_WORDS[verdict]} – decided", icon=VERDICT_ICONS[verdict], color="blue")
        if standing["new_caption"]:
            caption_change(pair["caption"], standing["new_caption"], key=f"standing_{pair_id}")
    st.session_state.setdefault(caption_key(pair_id), _proposed(pair, standing, score))
    # Keyed by the pair: a key that is pressed while the next pair is still loading must not decide that one.
    with st.form(f"decision_{pair_id}", border=False, enter_to_submit=False):  # Enter would press Keep
        new_caption = st.text_area(
            "Right caption, for relabelling", max_chars=10_000, height=68, key=caption_key(pair_id)
        )
        with st.container(horizontal=True, gap="xsmall"):
            pressed = [
                name
                for name, word in VERDICT_WORDS.items()
                if st.form_submit_button(word, icon=VERDICT_ICONS[name], shortcut=KEYS[name], key=f"{name}_{pair_id}")
            ]
    if pressed:
        if pressed[0] == "relabel" and not (new_caption or "").strip():
            st.warning("Write the caption that fits the picture first.")
        else:
            suspicion = None if score is None else float(score["suspicion"])
            decide(run, pair_id, pressed[0], suspicion, new_caption.strip() if pressed[0] == "relabel" else None)
            go_on(steps)
    if standing is None or standing["annotator"] != annotator():
        return
    if st.button("Undo", icon=":material/undo:", shortcut="Z", key=f"undo_{pair_id}"):
        undo(pair_id)
        st.rerun()


def _proposed(pair: pd.Series, standing: pd.Series | None, score: pd.Series | None) -> str:
    """What the field starts with: the caption decided, else the one suggested, else the pair's own."""
    decided = standing["new_caption"] if standing is not None else None
    suggested = score["suggested_caption"] if score is not None else None
    return decided or (suggested if isinstance(suggested, str) else None) or pair["caption"]
