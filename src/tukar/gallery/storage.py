"""The page of the storage, for who runs the hub: what it holds, what that takes, and encoding it anew."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tukar.catalog.values import Identity
from tukar.errors import Invalid
from tukar.gallery import kinship, pages, visits
from tukar.gallery.forms import Form
from tukar.gallery.replies import html, posted, see, shown
from tukar.gallery.views import StoragePage
from tukar.usecases import encodings, repacking, stats
from tukar.usecases.repacking import Standing
from tukar.usecases.services import Services

ADDRESS = "/storage"


@shown
def show(request: Request) -> Response:
    """The page."""
    view = storage(visits.hub(request).services, visits.operator(request))
    frame = visits.frame(request)
    return html(pages.storage_page(view, frame), frame, policy=pages.LIVE_POLICY)


@shown
def back(request: Request) -> Response:
    """The page, for whoever loads the address of its form."""
    return see(ADDRESS)


def pause(request: Request, form: Form) -> Response:
    """Pause encoding anew, or let it go on."""
    who, asked, hub = visits.operator(request), form.text("paused"), visits.hub(request)
    if asked not in ("yes", "no"):
        raise Invalid("that is not a form as this page sends it")
    repacking.pause(hub.services, who, paused=asked == "yes")
    hub.runner.wake()
    return see(ADDRESS)


def storage(services: Services, identity: Identity) -> StoragePage:
    """What the page shows."""
    totals, standing = stats.totals(services), repacking.standing(services, identity)
    return StoragePage(
        files=totals.files,
        raw=totals.raw,
        stored=totals.needed,
        disk=totals.packs,
        shares=tuple(kinship.share(each) for each in encodings.totals(services)),
        pending_files=standing.pending_files,
        pending=standing.pending_bytes,
        state=_state(standing),
        error=standing.error,
        run_done=standing.done_bytes,
        run=standing.total_bytes,
        note=standing.note,
    )


def _state(standing: Standing) -> str:
    if standing.paused:
        return "paused"
    if not standing.pending_files:
        return "finished"
    return "running" if standing.running else "waiting"


routes = [
    Route(ADDRESS, show),
    Route(f"{ADDRESS}/repack", posted(pause), methods=["POST"]),
    Route(f"{ADDRESS}/repack", back),
]
