"""A file behind a link on a page: ``/{namespace}/{name}/blob/{revision}/{path}``.

What is public has its bytes at ``resolve``, where no cookie counts. Whoever has logged in gets private files here, with
GET alone, in the sandbox that all files are served in, and kept by nobody on the way.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tukar.errors import EntryNotFound
from tukar.gallery import visits
from tukar.gallery.addresses import Place
from tukar.gallery.replies import shown
from tukar.gallery.routes import parameter, repo_id
from tukar.server import resolve
from tukar.usecases import fetch

_PRIVATE: Final = {
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@shown
def blob(request: Request) -> Response:
    """The bytes; for whoever has not logged in, the way to them."""
    who, where, path = visits.identity(request), repo_id(request), parameter(request, "path")
    if who.user is None:
        return RedirectResponse(Place(str(where), parameter(request, "revision")).file(path), 302)
    found = fetch.find(visits.hub(request).services, who, where, parameter(request, "revision"), path)
    if found.entry is None or found.entry.kind == "folder":
        raise EntryNotFound(f"{where} has no file {path!r} at {found.commit.oid[:12]}")
    response = resolve.content(request, found, found.entry)
    response.headers.update(_PRIVATE)
    return response


routes = [Route("/{namespace}/{name}/blob/{revision}/{path:path}", blob)]
