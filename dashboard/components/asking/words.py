"""What the picture should be, and a caption for it: both are in the URL."""

from __future__ import annotations

import streamlit as st

from dashboard.components.asking.picture import CAPTION, LABEL
from engine.asking.question import MAX_CAPTION_CHARACTERS

NAMES = {LABEL: "label", CAPTION: "caption"}
"""in the URL, by name in the session: a picture that is chosen brings its words, which a bound widget would not tell"""


def question_form(classes: tuple[str, ...]) -> tuple[str | None, str, bool, bool]:
    """Ask for a class, a caption, or both.

    Args:
        classes: of the run; without any only a caption can be asked about.

    Returns:
        The class (None: none), the caption, whether that is a question, and whether Ask was pressed.
    """
    _take_from_url(classes)
    label = None
    if classes:
        label = st.selectbox(
            "What should it be?", classes, index=None, key=LABEL, placeholder="Empty: explain the model's answer"
        )
    caption = st.text_input(
        "A caption (optional)" if classes else "A caption",
        key=CAPTION,
        max_chars=MAX_CAPTION_CHARACTERS,
        placeholder="Does this caption fit?",
    )
    for name, value in ((NAMES[LABEL], label), (NAMES[CAPTION], caption.strip())):
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)
    is_complete = bool(classes or caption.strip())
    pressed = st.button("Ask", type="primary", icon=":material/psychology:", disabled=not is_complete)
    if not is_complete:
        st.caption("This run has no classes: write a caption to ask about.")
    return label, caption, is_complete, pressed


def _take_from_url(classes: tuple[str, ...]) -> None:
    for key, name in NAMES.items():
        if key not in st.session_state and name in st.query_params:
            st.session_state[key] = st.query_params[name][:MAX_CAPTION_CHARACTERS]
    if st.session_state.get(LABEL) not in classes:
        st.session_state[LABEL] = None
