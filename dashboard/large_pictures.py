"""Pictures larger than thumbnails by URL, `/picture/RUN?pair=ID`.

Run and pair come from the address bar. What is opened is only the file that the run's own table names for a pair it
knows, and only inside the data set's folder; else its thumbnail.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.thumbnails import HEADERS as FOR_GOOD
from dashboard.thumbnails import RUN, run_folder
from engine.errors import EcifError
from engine.runs import RunFolder

HEADERS = {**FOR_GOOD, "Cache-Control": "private, max-age=3600"}


def picture_url(run_id: str, pair_id: str) -> str:
    """The address of a pair's picture; empty for an odd name of a run."""
    return f"/picture/{run_id}?pair={quote(pair_id, safe='')}" if RUN.fullmatch(run_id) else ""


async def large_picture(request: Request) -> Response:
    """The picture as WebP, or 404 without saying why."""
    found = await run_in_threadpool(_picture, request.path_params["run_id"], request.query_params.get("pair", ""))
    return Response(status_code=404) if found is None else Response(found, media_type="image/webp", headers=HEADERS)


def _picture(run_id: str, pair_id: str) -> bytes | None:
    folder = run_folder(run_id)
    if folder is None:
        return None
    # Not at the top: Streamlit's caches want its runtime, which starts after the routes are made.
    from dashboard import cache

    try:
        run = RunFolder.open(folder)
        known = len(cache.tables(run).pairs_by_id([pair_id], ["pair_id"]))
        return cache.picture(str(run.path), run.revision, pair_id) if known else None
    except (EcifError, OSError, KeyError, TypeError, ValueError):  # a stranger's table holds anything
        return None


ROUTES = [Route("/picture/{run_id}", large_picture, methods=["GET"])]
