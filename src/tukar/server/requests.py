"""Reading requests: who asks, for which repository and revision, with what body. Parsed once, here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from urllib.parse import unquote

from anyio import to_thread
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tukar.catalog.values import Identity
from tukar.errors import Invalid, Unauthenticated
from tukar.hub import Hub
from tukar.types import RepoId, RepoType
from tukar.usecases import accounts

_TYPES: Final[dict[str, RepoType]] = {"models": "model", "datasets": "dataset", "spaces": "space"}
PLURALS: Final[dict[RepoType, str]] = {value: key for key, value in _TYPES.items()}
_JSON_LIMIT: Final = 16 << 20
_BUFFER: Final = 256 << 10  # for each upload under way, and clients send up to 64 at once


class _RepoTypes(Convertor[str]):
    """``{type:kind}`` in a route."""

    regex = "models|datasets|spaces"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("kind", _RepoTypes())


class RawPaths:
    """Routes by the path as it was sent: ``refs%2Fpr%2F1`` is one segment. Path parameters are unquoted one by one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and scope.get("raw_path"):
            scope = {**scope, "path": scope["raw_path"].decode("ascii", "replace")}
        await self.app(scope, receive, send)


def hub(request: Request) -> Hub:
    """The hub that the app serves."""
    found: Hub = request.app.state.hub
    return found


def bearer(request: Request) -> str | None:
    """The token of the request; None without one."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if not kind:
        return None
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Invalid credentials in Authorization header")
    return token.strip()


def identity(request: Request) -> Identity:
    """Who asks; Unauthenticated if the token is nobody's."""
    try:
        return accounts.authenticate(hub(request).services, bearer(request))
    except Unauthenticated as error:
        raise Unauthenticated("Invalid credentials in Authorization header", hint=error.hint) from error


def param(request: Request, name: str) -> str:
    """A path parameter, unquoted. Invalid if it is not UTF-8."""
    try:
        return unquote(request.path_params[name], errors="strict")
    except UnicodeDecodeError:
        raise Invalid(f"the address is not UTF-8: {request.path_params[name][:200]!r}") from None


def repo_id(request: Request) -> RepoId:
    """The repository in the path; a model where the path names no type."""
    kind = _TYPES[request.path_params.get("type", "models")]
    return RepoId(param(request, "namespace"), param(request, "name"), kind)


def repo_type(text: object) -> RepoType:
    """A repository type as bodies write it; None is a model."""
    if text is None:
        return "model"
    if text not in PLURALS:
        raise Invalid(f"not a type of repository: {str(text)[:100]!r}", hint="use model, dataset or space")
    return text


def flag(value: str | None) -> bool:
    """A boolean as the client generations write them: ``true``, ``True``, ``1``; false where it is absent."""
    return (value or "").lower() in ("true", "1")


def base_url(request: Request) -> str:
    """The hub's address as this client sees it, without a slash at the end."""
    return hub(request).config.public_url.rstrip("/") or str(request.base_url).rstrip("/")


async def json_body(request: Request, limit: int = _JSON_LIMIT) -> Any:
    """The body as JSON; Invalid if it is not, or has more than ``limit`` bytes."""
    try:
        return json.loads(await body(request, limit) or b"null")
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the body is not JSON: {error}") from error


async def body(request: Request, limit: int) -> bytes:
    """The body, of at most ``limit`` bytes."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise Invalid(f"the body has more than {limit} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def fields(value: object) -> dict[str, Any]:
    """A JSON object; Invalid for anything else."""
    if not isinstance(value, dict):
        raise Invalid("the body is not a JSON object")
    return value


def text(value: object, name: str) -> str:
    """A JSON string; Invalid for anything else."""
    if not isinstance(value, str):
        raise Invalid(f"{name!r} is missing or not a string")
    return value


def whole_number(value: object, name: str) -> int:
    """A JSON number without a fraction, not negative, below 2^63; Invalid for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise Invalid(f"{name!r} is missing or not a whole number")
    return value


@asynccontextmanager
async def spooled(request: Request, limit: int) -> AsyncIterator[Path]:
    """The body in a file of its own, which is gone when the context is left. Invalid if it is larger than ``limit``."""
    with _spool_file(hub(request).spool) as path:
        await spool_to(request, path, limit)
        yield path


async def spool_to(request: Request, path: Path, limit: int) -> int:
    """Write the body to a file, a little at a time; returns its size."""
    size, buffer = 0, bytearray()
    with path.open("wb", buffering=0) as file:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise Invalid(f"the body has more bytes than the {limit} that were announced or are allowed")
            buffer += piece
            if len(buffer) >= _BUFFER:
                await to_thread.run_sync(file.write, buffer)
                buffer = bytearray()
        await to_thread.run_sync(file.write, buffer)
    return size


@contextmanager
def _spool_file(folder: Path) -> Iterator[Path]:
    path = folder / token_hex(16)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


Answer = Callable[[Request, Any], Response]


def with_json(answer: Answer) -> Callable[[Request], Any]:
    """An endpoint that takes a JSON body, answered in a thread."""

    async def endpoint(request: Request) -> Response:
        value = await json_body(request)
        return await to_thread.run_sync(answer, request, value)

    return endpoint
