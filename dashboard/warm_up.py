"""Before the first visitor comes: what pages import, and the newest run's tables, are loaded in the background."""

from __future__ import annotations

import contextlib
import logging
import threading

from dashboard.places import runs_dir
from engine.errors import EcifError
from engine.runs import list_runs

NO_SESSION = "streamlit.runtime.scriptrunner_utils.script_run_context"  # warns once per table that no page asked


def warm_up_in_background() -> None:
    """Start loading; a page that comes earlier waits for no more than it needs itself."""
    logging.getLogger(NO_SESSION).setLevel(logging.ERROR)
    threading.Thread(target=_warm_up, daemon=True).start()


def _warm_up() -> None:
    from dashboard import cache, charts, findings  # noqa: F401 - imported for the pages, which find them loaded

    with contextlib.suppress(EcifError):  # the page that needs it says what is wrong
        run = next((run for run in list_runs(runs_dir()) if run.has_table("scores")), None)
        if run is not None:
            cache.train_scores(run)
            cache.score_scale(run)
        cache.decisions(cache.decision_store())
