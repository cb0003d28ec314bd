"""Thumbnails by URL, `/thumb/RUN/NAME.webp`: made once by the run, cached by the browser for good.

Run and thumbnail names come from the address bar: only packs of thumbnails in a direct child of the runs folder are
ever opened. A thumbnail's name holds the hash of its bytes, so it can never go stale.
"""

from __future__ import annotations

import re
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.places import runs_dir
from engine.pairs.packs import NAME, thumbnail_bytes

RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,120}")
HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}


def thumbnail_url(run_id: str, name: str | None) -> str:
    """The address of a thumbnail; empty if there is none."""
    return f"/thumb/{run_id}/{name}" if name and NAME.fullmatch(name) and RUN.fullmatch(run_id) else ""


async def thumbnail(request: Request) -> Response:
    """The WebP file, or 404 without saying why."""
    run_id, name = request.path_params["run_id"], request.path_params["name"]
    run = run_folder(run_id)
    found = None if run is None else await run_in_threadpool(thumbnail_bytes, run / "thumbnails", name)
    return Response(status_code=404) if found is None else Response(found, media_type="image/webp", headers=HEADERS)


def run_folder(run_id: str) -> Path | None:
    """The folder of a run by its name in an address; None for odd names and for links out of the folder of runs."""
    root = runs_dir().resolve()
    if not RUN.fullmatch(run_id):
        return None
    try:
        return root / run_id if (root / run_id).resolve().parent == root else None
    except (OSError, RuntimeError):
        return None


ROUTES = [Route("/thumb/{run_id}/{name}", thumbnail, methods=["GET"])]
