"""What the pages share: the chosen run, the store of decisions, and names in the URL and the session."""

from __future__ import annotations

import datetime
import getpass
import uuid
from enum import StrEnum
from typing import Any

import streamlit as st

from dashboard.cache import decision_store
from dashboard.people import login_part
from dashboard.places import runs_dir
from engine.review import Decision, DecisionStore
from engine.runs import RunFolder, list_runs


class Key(StrEnum):
    """Names in the session and in the URL."""

    RUN = "run"
    PAIR = "pair"
    QUERY = "query"
    ANNOTATOR = "annotator"


def runs_with_results() -> list[str]:
    """Names of the runs whose scores can be shown, newest first."""
    return [run.run_id for run in list_runs(runs_dir()) if run.has_table("ranked") and run.has_table("queries")]


def choose_run() -> None:
    """The run picker of the sidebar; the choice is in the URL."""
    names = runs_with_results()
    if names:
        st.selectbox("Run", names, key=Key.RUN.value, bind="query-params")


def chosen_run() -> RunFolder | None:
    """The run on screen; None if there is none to show.

    Raises:
        RunFolderError: if it cannot be read, or another version wrote it.
    """
    name = st.session_state.get(Key.RUN.value)
    return RunFolder.open(runs_dir() / name) if name else None


def store() -> DecisionStore:
    """The store of decisions."""
    return decision_store()


def annotator() -> str:
    """Who decides: who is logged in, else the name in the sidebar, else the account's."""
    name = (st.session_state.get(Key.ANNOTATOR.value) or "").strip()
    return logged_in_as() or name or account_name()


def logged_in_as() -> str | None:
    """The address or name of who logged in, where the owner of the dashboard has set up Streamlit's login."""
    if not st.user.get("is_logged_in"):
        return None
    return next((str(st.user[key]) for key in ("email", "name", "sub") if st.user.get(key)), None)


def login_secrets() -> dict[str, Any]:
    """What `secrets.toml` says of the login and of who may come in; empty without such a file."""
    return login_part(st.secrets)


def account_name() -> str:
    """The name of the account the dashboard runs under."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "annotator"


def decide(run: RunFolder, pair_id: str, verdict: str, suspicion: float | None, new_caption: str | None) -> None:
    """Write one decision made with a button of a page."""
    store().append(
        [
            Decision(
                pair_id=pair_id,
                verdict=verdict,
                new_caption=new_caption,
                annotator=annotator(),
                decided_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
                seconds_spent=None,
                run_id=run.run_id,
                suspicion=suspicion,
                client_key=f"page-{uuid.uuid4()}",
            )
        ]
    )


def undo(pair_id: str) -> None:
    """Take back the latest decision on a pair."""
    store().undo(pair_id, annotator(), f"page-{uuid.uuid4()}")


def go(page: str, **params: str) -> None:
    """Open another page with these URL parameters; the run picker keeps the chosen run in the URL by itself."""
    st.switch_page(f"views/{page}.py", query_params=params)
