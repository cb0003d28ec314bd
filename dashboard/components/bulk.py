"""Decide many pairs at once: choose which, confirm what happens, take it back in one step."""

from __future__ import annotations

import contextlib
import datetime
import itertools

import streamlit as st

from dashboard import cache
from dashboard.acts import DOING, Plan, Scope, done_in_words, is_recent, num_suggested
from dashboard.components.list_state import list_now
from dashboard.components.review import send_to_review
from dashboard.places import decisions_place
from dashboard.state import annotator, store
from dashboard.wording import VERDICT_ICONS, pairs_in_words
from engine.errors import EcifError
from engine.review.acts import Act, last_act, new_act
from engine.runs import RunFolder

SCOPE_WORDS = {"selected": "Selected", "page": "This page", "all": "All listed"}
PUT_AWAY = "bulk_put_away"
SAID = "bulk_said"
REFUSED = "bulk_refused"
SELECTED = "bulk_selected"
SELECT_HELP = "Select tiles with Ctrl+click, Shift+click or Ctrl+A to decide only these."


def bulk_bar(run: RunFolder, scopes: dict[str, Scope]) -> None:
    """A button with the scopes and verdicts behind it; deciding asks for confirmation first.

    Args:
        run: whose pairs are listed.
        scopes: pairs by a key of `SCOPE_WORDS`, narrow ones first; an empty scope is not offered.
    """
    offered = {name: scope for name, scope in scopes.items() if scope.count}
    selected = tuple(one for batch in scopes["selected"].ids() for one in batch)
    with st.popover("Decide many", icon=":material/checklist:", key="bulk_open", on_change="rerun") as popover:
        if not popover.open:
            return
        is_new = selected != st.session_state.get(SELECTED)
        st.session_state[SELECTED] = selected
        if st.session_state.get("bulk_scope") not in offered or (selected and is_new):
            st.session_state["bulk_scope"] = next(iter(offered))
        name = st.radio(
            "Which pairs", list(offered), key="bulk_scope", help=SELECT_HELP,
            format_func=lambda name: f"{SCOPE_WORDS[name]} · {offered[name].count:,}",
        )  # fmt: skip
        scope = offered[name]
        suggested = num_suggested(cache.tables(run), scope)
        with st.container(horizontal=True):
            for verdict in ("keep", "drop", "unsure"):
                if st.button(DOING[verdict], icon=VERDICT_ICONS[verdict], key=f"bulk_{verdict}"):
                    _confirm(run, Plan.of(verdict, scope, suggested))
        if st.button(
            f"Relabel with the suggested caption · {suggested:,}", icon=VERDICT_ICONS["relabel"],
            key="bulk_relabel", disabled=not suggested,
        ):  # fmt: skip
            _confirm(run, Plan.of("relabel", scope, suggested))
        st.button(
            f"Send to the review queue · {scope.count:,}", icon=":material/playlist_add:", key="bulk_queue",
            on_click=_send, args=(run, scope),
        )  # fmt: skip


def bulk_outcome(run: RunFolder) -> None:
    """What was just decided at once, with its undo; also after a reload, for it is found in the store.

    Args:
        run: the run on screen; acts on others are not shown.
    """
    if said := st.session_state.pop(SAID, None):
        st.toast(said, icon=":material/check:")
    if refused := st.session_state.pop(REFUSED, None):
        st.error("Nothing has changed: the store refused.")
        st.text(refused)
    act = _last_act(decisions_place(), store().revision(), annotator())
    if act is None or act.run_id != run.run_id or act.name == st.session_state.get(PUT_AWAY):
        return
    if not is_recent(act, datetime.datetime.now(datetime.UTC)):
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="bulk_outcome"):
        st.markdown(f":material/done_all: {done_in_words(act)}")
        st.button("Undo all of it", icon=":material/undo:", key="bulk_undo", on_click=_undo, args=(act,))
        st.button(
            "Close", icon=":material/close:", type="tertiary", key="bulk_close", on_click=_put_away, args=(act.name,),
            help="Put this message away; the decisions stand",
        )  # fmt: skip


def _confirm(run: RunFolder, plan: Plan) -> None:
    @st.dialog(plan.question(), icon=VERDICT_ICONS[plan.verdict])
    def confirm() -> None:
        num_again = plan.num_again(cache.tables(run), list_now(run, "all").decided)
        for sentence in plan.consequences(num_again, annotator()):
            st.text(sentence)  # names the annotator
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Cancel", key="bulk_cancel"):
                st.rerun()
            said = f"{DOING[plan.verdict]} {pairs_in_words(plan.num_pairs)}"
            if st.button(said, type="primary", key="bulk_confirm") and _decide(run, plan):
                st.rerun()

    confirm()


def _decide(run: RunFolder, plan: Plan) -> bool:
    act, name = new_act(), annotator()
    try:
        with st.spinner("Writing the decisions …", show_time=True):
            for batch in plan.decisions(cache.tables(run), act, name, run.run_id):
                store().append(batch)
    except EcifError as error:
        with contextlib.suppress(EcifError):  # all or none: what was stored before goes again
            store().undo_act(act, name)
        st.error("Nothing is decided: the store refused.")
        st.text(str(error))
        return False
    return True


def _send(run: RunFolder, scope: Scope) -> None:
    try:
        st.session_state[SAID] = send_to_review(itertools.chain.from_iterable(scope.ids()), run.run_id)
    except EcifError as error:
        st.session_state[REFUSED] = str(error)


def _undo(act: Act) -> None:
    try:
        number = store().undo_act(act.name, annotator())
    except EcifError as error:
        st.session_state[REFUSED] = str(error)
        return
    st.session_state[SAID] = f"{number:,} decisions are taken back."


def _put_away(act: str) -> None:
    st.session_state[PUT_AWAY] = act


@st.cache_data(max_entries=64, show_spinner=False)
def _last_act(place: str, revision: int, name: str) -> Act | None:
    return last_act(cache.decision_store(), name)
