"""Who looks at a page: the session in the browser's cookie, and what has to come with what a browser sends.

The cookie counts for pages alone: the routes for programs do not read it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from tukar.catalog import rights, sessions
from tukar.catalog.values import Identity
from tukar.errors import Refused, Unauthenticated
from tukar.gallery.views import NO_FRAME, Frame
from tukar.hub import Hub
from tukar.usecases import sessions as usecase

_LONGEST_SECRET: Final = 200  # characters; ours have 43
_LOCAL: Final = re.compile(r"/[!-\[\]-~]{0,2000}")  # visible ASCII, and no backslash, which browsers take for a slash
_ELSEWHERE: Final = re.compile(r"[/\\]{2}")


def hub(request: Request) -> Hub:
    """The hub that the app serves."""
    found: Hub = request.app.state.hub
    return found


def endpoint(request: Request) -> str:
    """The hub's address as this visitor sees it."""
    return (hub(request).config.public_url or str(request.base_url)).rstrip("/")


def identity(request: Request) -> Identity:
    """Who asks for the page, looked up once."""
    known: Identity | None = getattr(request.state, "identity", None)
    if known is None:
        known = usecase.whose(hub(request).services, secret(request))
        request.state.identity = known
    return known


def operator(request: Request) -> Identity:
    """Who asks, if they may do what is for operators; Unauthenticated or Refused, whatever they ask for."""
    who = identity(request)
    if who.user is None:
        raise Unauthenticated("this page is for the people who run this hub")
    if not rights.may_administer(who):
        raise Refused(
            "this page is for administrators", hint="log out, and in again with an administrator's token that may write"
        )
    return who


def frame(request: Request) -> Frame:
    """What stands around the page for whoever asks."""
    return _frame(request, identity(request))


def known_frame(request: Request) -> Frame:
    """The same as far as it is known already, for when something fails."""
    known: Identity | None = getattr(request.state, "identity", None)
    return NO_FRAME if known is None else _frame(request, known)


def _frame(request: Request, who: Identity) -> Frame:
    return Frame(None if who.user is None else who.user.name, _address(request), rights.may_administer(who))


def _address(request: Request) -> str:
    """Where to come back to; after a form, the page that it was on."""
    if request.method not in ("GET", "HEAD"):
        return local(urlsplit(request.headers.get("referer", "")).path)
    query = request.url.query
    return local(request.scope["path"] + (f"?{query}" if query else ""))


def local(address: str) -> str:
    """An address of this hub, as a path and query; ``/`` for any that a browser could take for somewhere else."""
    leaves = _ELSEWHERE.match(unquote(address))  # some proxies undo the quoting of a path
    return address if _LOCAL.fullmatch(address) and not leaves else "/"


# The cookie


def secret(request: Request) -> str | None:
    """What the browser's cookie holds; None without one."""
    held = request.cookies.get(_cookie(request), "")
    return held if 0 < len(held) <= _LONGEST_SECRET else None


def hand_out(request: Request, response: Response, new_secret: str) -> None:
    """Let the browser keep a session."""
    response.set_cookie(
        _cookie(request),
        new_secret,
        max_age=int(sessions.LONGEST),
        path="/",
        secure=_is_https(request),
        httponly=True,
        samesite="strict",
    )


def take_back(request: Request, response: Response) -> None:
    """Let the browser forget its session."""
    response.delete_cookie(_cookie(request), path="/", secure=_is_https(request), httponly=True, samesite="strict")


def _cookie(request: Request) -> str:
    """Its name has a mark of the hub: a browser sends the cookies of one port of a machine to all the others."""
    mark = hashlib.sha256(b"cookie of " + hub(request).secret).hexdigest()[:8]
    return f"{'__Host-' if _is_https(request) else ''}tukar-{mark}"


def _is_https(request: Request) -> bool:
    return endpoint(request).startswith("https://")


# Forms from elsewhere


def check_same_origin(request: Request) -> None:
    """Refused unless the browser says that one of this hub's own pages sent the form.

    Current browsers say so in ``Sec-Fetch-Site``, where the connection can be trusted, and in ``Origin`` everywhere; no
    page can set either (W3C Fetch Metadata; RFC 6454, section 7). Whoever sends neither is no browser: programs have
    the API.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site == "same-origin" or (site is None and origin is not None and _is_own(request, origin)):
        return
    raise Refused(
        "this form was not sent by a page of this hub: nothing was done",
        hint="open the page here and send it again; behind a proxy, the setting public_url has to be right",
    )


def _is_own(request: Request, origin: str) -> bool:
    own = {str(request.base_url).rstrip("/").lower(), _origin(hub(request).config.public_url)}
    return origin.lower() in own


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
