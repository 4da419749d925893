"""The site: a page of all studies, a page a study, and the files that a study publishes.

A page is whole without scripts, and then fetches itself anew every few seconds. With them
``follow.js`` replaces the part that lives, whenever it has changed. Nothing comes from elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from planb.dashboard.folders import TYPES, StudyFolder, other_pages, studies_in, study_in
from planb.dashboard.showing import environment
from planb.dashboard.so_far import SoFar

HERE = Path(__file__).parent
EVERY = 2
"""Seconds between two looks of a page that follows a run; without scripts, between two reloads."""
SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
OF_FILES = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-downloads"
)
"""Of what studies wrote: no script, whatever is in it."""


def app_of(out: Path) -> Starlette:
    """The site of the studies in ``out``, an ASGI application. It only reads."""
    pages, so_far = environment(HERE), SoFar()

    def page(request: Request, template: str, **shown: Any) -> Response:
        html = pages.get_template(template).render(out=out, every=EVERY, **shown)
        etag = f'"{hashlib.sha256(html.encode()).hexdigest()[:20]}"'
        headers = {**SAFE, "content-security-policy": POLICY, "etag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(html, media_type="text/html", headers=headers)

    def index(request: Request) -> Response:
        return page(request, "index.html.jinja", studies=studies_in(out), pages=other_pages(out))

    def study(request: Request) -> Response:
        found = _study(out, request)
        table = None if found.headline else so_far.table(found.folder)
        return page(request, "study.html.jinja", study=found, so_far=table)

    def file(request: Request) -> Response:
        named = request.path_params
        path = _study(out, request).shown_file(named.get("part", ""), named["file"])
        return _file(path)

    def other(request: Request) -> Response:
        name = request.path_params["file"]
        return _file(out / name if name in other_pages(out) else None)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/_/follow.js", _own("follow.js", "text/javascript")),
            Route("/_/style.css", _own("style.css", "text/css", *STYLES)),
            Route("/_/pages/{file:path}", other),
            Route("/{study}/", study),
            Route("/{study}/{file}", file),
            Route("/{study}/{part}/{file}", file),
        ],
        exception_handlers={404: _nothing},
    )


STYLES = (HERE.parent / "report" / "page.css",)
"""What the style of the site begins with: that of the pages."""


def _study(out: Path, request: Request) -> StudyFolder:
    found = study_in(out, request.path_params["study"])
    if found is None:
        raise HTTPException(404)
    return found


def _file(path: Path | None) -> Response:
    if path is None:
        raise HTTPException(404)
    headers = {**SAFE, "content-security-policy": OF_FILES}
    kind = TYPES[path.suffix]
    attached = path.name if path.suffix == ".eval" else None
    return FileResponse(path, media_type=kind, headers=headers, filename=attached)


def _own(name: str, kind: str, *before: Path) -> Callable[[Request], Response]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (*before, HERE / name))
    return lambda request: Response(text, media_type=kind, headers=SAFE)  # noqa: ARG005


def _nothing(request: Request, error: Exception) -> Response:  # noqa: ARG001
    said = "There is nothing at this address. All studies: /\n"
    return Response(said, status_code=404, media_type="text/plain", headers=SAFE)
