"""Thumbnails by URL, `/thumb/RUN/NAME.webp`: made once by the run, cached by the browser for good.

Run and file names come from the address bar: only a direct child of the runs folder and a name that is 32 hex
digits are ever opened. A thumbnail's name is the hash of its picture, so it can never go stale.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from dashboard.places import runs_dir

NAME = re.compile(r"[0-9a-f]{32}\.webp")
RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,120}")
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}


def thumbnail_url(run_id: str, name: str | None) -> str:
    """The address of a thumbnail; empty if there is none."""
    return f"/thumb/{run_id}/{name}" if name and NAME.fullmatch(name) and RUN.fullmatch(run_id) else ""


async def thumbnail(request: Request) -> Response:
    """The WebP file, or 404 without saying why."""
    run_id, name = request.path_params["run_id"], request.path_params["name"]
    if not (RUN.fullmatch(run_id) and NAME.fullmatch(name)):
        return Response(status_code=404)
    root = runs_dir().resolve()
    path = root / run_id / "thumbnails" / name
    if not path.is_file() or not path.resolve().is_relative_to(root):
        return Response(status_code=404)
    return FileResponse(path, media_type="image/webp", headers=HEADERS)


ROUTES = [Route("/thumb/{run_id}/{name}", thumbnail, methods=["GET"])]
