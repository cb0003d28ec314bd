"""Before the first visitor comes: what pages import, and the newest run's tables, are loaded in the background."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import AsyncIterator

from dashboard.places import runs_dir
from engine.errors import EcifError
from engine.runs import list_runs

NO_SESSION = "streamlit.runtime.scriptrunner_utils.script_run_context"  # warns once per table that no page asked


@contextlib.asynccontextmanager
async def warm_up(app: object) -> AsyncIterator[None]:
    """Start loading when the server starts; a page that comes earlier waits for no more than it needs itself."""
    logging.getLogger(NO_SESSION).setLevel(logging.ERROR)
    threading.Thread(target=_load, daemon=True).start()
    yield


def _load() -> None:
    from dashboard import cache, charts, findings  # noqa: F401 - imported for the pages, which find them loaded
    from dashboard.components.list_state import first_page

    with contextlib.suppress(EcifError):  # the page that needs it says what is wrong
        run = next((run for run in list_runs(runs_dir()) if run.has_table("ranked")), None)
        if run is not None:
            first_page(run)
            cache.score_scale(run)
            for column in cache.listing(run).score_columns():  # of the closed panel of filters: last
                cache.listing(run).histogram(column)
