"""Ask: what the model says of a picture of one's own, and the training pairs behind it."""

import streamlit as st

from dashboard.asking_process import asking_is_allowed
from dashboard.components.asking.answer import caption_card, class_card, culprits
from dashboard.components.asking.picture import choose_picture, chosen_picture, forget_picture
from dashboard.components.asking.waiting import (
    ask_now,
    asked_now,
    engine_in_words,
    forget_question,
    wait_for,
)
from dashboard.components.asking.words import question_form
from dashboard.components.boxes import empty, header, run_or_stop
from engine.asking import Question, check_askable, classes_of
from engine.errors import EcifError

TOP = 24
ASKED = "asked"  # the picture that was asked about, in the session; 1 in the URL, where a test picture has its place


def begin_again() -> None:
    """Without a picture, a question, or words."""
    forget_picture()
    forget_question()
    st.session_state.pop(ASKED, None)
    st.query_params.pop(ASKED, None)


run = run_or_stop()
header(
    "Ask about your own picture",
    "See what the model makes of any picture, **and which training pairs made it say so**.",
)
if not asking_is_allowed():
    empty(
        "Asking is for this machine only",
        "This dashboard can be reached from other machines, and every question takes a processor and about a gigabyte "
        "of memory for the model. Type `ecif ask RUN --image FILE` in the terminal, or start the dashboard with "
        "`ECIF_ASK=1` to let everyone ask.",
        ":material/lock:",
    )
    st.stop()
try:
    check_askable(run)
except EcifError as error:
    empty("This run cannot be asked", "Choose another run in the sidebar.", ":material/psychology_alt:")
    st.text(str(error))
    st.stop()

picture, classes = chosen_picture(run), classes_of(run)
if picture is None:
    choose_picture(run)
    st.stop()

picture_column, question_column, answer_column = st.columns([2, 3, 4], gap="medium")
with picture_column:
    st.image(picture.preview, width=240, alt="The picture you ask about")
    st.button("Ask another", icon=":material/restart_alt:", on_click=begin_again)
with question_column.container(border=True, height="stretch"):
    label, caption, is_complete, pressed = question_form(classes)

is_linked = picture.example is not None and ASKED in st.query_params
if is_complete and (pressed or is_linked or st.session_state.get(ASKED) == picture.preview):
    st.session_state[ASKED] = picture.preview  # from now on every change asks at once
    if picture.example is not None:
        st.query_params[ASKED] = "1"
    ask_now(run, Question(picture.data, caption, label, TOP), again=pressed)

asked = asked_now()
if asked is None or st.session_state.get(ASKED) != picture.preview:
    with answer_column:
        engine_in_words(run)
    st.stop()
with answer_column:
    wait_for(asked)
if asked.error:
    answer_column.error("There is no answer to this question.", icon=":material/error:")
    answer_column.text(asked.error)
    st.stop()
answer = asked.answer
with answer_column:
    if classes:
        class_card(answer)
    else:
        caption_card(answer)
if classes and answer.fit is not None:
    caption_card(answer)
culprits(answer, run)
