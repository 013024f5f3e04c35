"""The Xet service: its tokens, and downloads (https://huggingface.co/docs/xet/api).

The address of the service names an epoch and the user only so that clients keep a cache for each (see ``cas.epochs``);
rights come from the token alone. What may be read with one is looked up again at each reconstruction.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.cas import epochs, views
from tukar.catalog import possessions, repositories, revisions, rights
from tukar.catalog.values import ANONYMOUS, Identity, Repository
from tukar.database import Transaction
from tukar.errors import NotFound, Refused, RepoNotFound, Unauthenticated, Unsupported
from tukar.server import claims, signing
from tukar.server.requests import base_url, bearer, flag, hub, identity, param, repo_id
from tukar.server.streams import PiecesResponse, parse_range
from tukar.types import RepoId
from tukar.usecases.commit import writable
from tukar.xet.hashes import XetHash
from tukar.xet.reconstruction import Plan, UrlFor, plan

CAS: Final = "/xet/{epoch}/{user}"
WRITE: Final = "xet-write"
_READ, _XORB = "xet-read", "xorb"
_TOKEN_LIFETIME: Final = 3600.0
_URL_LIFETIME: Final = 3600.0
_ENDLESS: Final = 1 << 62


def write_token(request: Request) -> Response:
    """A token to upload with."""
    if flag(request.query_params.get("create_pr")):
        raise Unsupported("this hub has no pull requests yet", hint="commit to 'main'")
    with hub(request).services.database.read() as tx:
        _, user = writable(tx, identity(request), repo_id(request))
    return _token(request, WRITE, user.id, claims.of_user(user))


def read_token(request: Request) -> Response:
    """A token to download the files of one repository with."""
    who, where = identity(request), repo_id(request)
    with hub(request).services.database.read() as tx:
        repository = repositories.get(tx, who, where)
        revisions.resolve(tx, repository, param(request, "revision"))
    claim: dict[str, Any] = {"repository": [where.namespace, where.name, where.type, repository.id]}
    if who.user is None:
        return _token(request, _READ, None, claim)
    return _token(request, _READ, who.user.id, claim | claims.of_user(who.user) | {"role": who.role})


def _token(request: Request, purpose: str, user_id: int | None, claim: dict[str, Any]) -> Response:
    running = hub(request)
    with running.services.database.read() as tx:
        epoch = epochs.current(tx, user_id)
    address = f"{base_url(request)}/xet/{epoch}/{'all' if user_id is None else user_id}"
    expires = int(running.services.clock() + _TOKEN_LIFETIME)
    token = signing.sign(running.secret, purpose, claim, expires)
    headers = {
        "X-Xet-Cas-Url": address,
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": str(expires),
        "Cache-Control": "no-store",
    }
    return JSONResponse({"casUrl": address, "accessToken": token, "exp": expires}, headers=headers)


def reconstruction(request: Request) -> Response:
    """How to put a file, or a range of it, together from xorbs."""
    return JSONResponse(_plan(request).v2(_url_for(request)), headers={"Cache-Control": "no-store"})


def reconstruction_v1(request: Request) -> Response:
    """The same, as older clients understand it."""
    return JSONResponse(_plan(request).v1(_url_for(request)), headers={"Cache-Control": "no-store"})


def _url_for(request: Request) -> UrlFor:
    def url_for(xorb: XetHash, start: int, stop: int) -> str:
        claim = {"xorb": str(xorb), "start": start, "stop": stop}
        return f"{base_url(request)}/xet/xorbs/{claims.sign(request, _XORB, claim, _URL_LIFETIME)}"

    return url_for


def _plan(request: Request) -> Plan:
    services, wanted = hub(request).services, XetHash.parse(request.path_params["hash"])
    with services.database.read() as tx:
        repository = _readable(request, tx)
        file = services.xorbs.find_file(tx, wanted, rights.writers(repository))
        if file is None or not possessions.holds(tx, repository.id, file.file.sha256):
            raise NotFound(f"{repository} has no file with the Xet hash {wanted}")
        known = views.find(tx, {term.xorb for term in file.terms})
    start, stop = parse_range(request.headers.get("range"), file.file.size) or (0, file.file.size)
    return plan(file.terms, {xorb: item.table for xorb, item in known.items()}, start, stop)


def _readable(request: Request, tx: Transaction) -> Repository:
    """The repository that the token is for, if its user may still read it."""
    try:
        claim = claims.verify(request, _READ, bearer(request) or "")
        who = Identity(claims.find_user(tx, claim), claim["role"]) if "user" in claim else ANONYMOUS
    except Refused as error:
        raise Unauthenticated(error.message, hint="ask the hub for a token to download with") from error
    namespace, name, kind, id_ = claim["repository"]
    repository = repositories.get(tx, who, RepoId(namespace, name, kind))
    if repository.id != id_:
        raise RepoNotFound("the repository that this token is for is no more", hint="ask the hub for a new one")
    return repository


def get_xorb(request: Request) -> Response:
    """A range of the chunks of a xorb that the address was signed for. 403 makes clients ask anew."""
    services = hub(request).services
    claim = claims.verify(request, _XORB, request.path_params["claim"])
    xorb = XetHash.parse(claim["xorb"])
    with services.database.read() as tx:
        known = views.find(tx, [xorb]).get(xorb)
    if known is None:
        raise NotFound(f"the hub does not have xorb {xorb} any more")
    first, last = known.table.offset(claim["start"]), known.table.offset(claim["stop"])
    wanted = parse_range(request.headers.get("range"), _ENDLESS)
    if wanted is None or not first <= wanted[0] < wanted[1] <= last:
        raise Refused("this address is for other bytes of the xorb")
    start, stop = wanted
    headers = {
        # Not how long the whole is: its other chunks may be of files that the asker may not see.
        "Content-Range": f"bytes {start}-{stop - 1}/*",
        "Content-Type": "application/octet-stream",
        "Cache-Control": "private",
    }
    return PiecesResponse(services.xorbs.stream(xorb, start, stop), stop - start, 206, headers)


_REPO: Final = "/api/{type:kind}/{namespace}/{name}"

routes = [
    Route(f"{_REPO}/xet-write-token/{{revision}}", write_token),
    Route(f"{_REPO}/xet-read-token/{{revision}}", read_token),
    Route("/xet/xorbs/{claim}", get_xorb),
    Route(f"{CAS}/v1/reconstructions/{{hash}}", reconstruction_v1),
    Route(f"{CAS}/v2/reconstructions/{{hash}}", reconstruction),
]
