"""Reading requests: who asks, for which repository and revision, with what body. Parsed once, here."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import FileIO
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from urllib.parse import unquote

from anyio import fail_after, to_thread
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tukar.catalog.values import Identity
from tukar.errors import Invalid, Unauthenticated
from tukar.hub import Hub
from tukar.server.errors import TooLarge, TooSlow
from tukar.server.limits import BODIES, Limit
from tukar.storage.oserrors import os_errors_unavailable
from tukar.types import RepoId, RepoType
from tukar.usecases import accounts

_TYPES: Final[dict[str, RepoType]] = {"models": "model", "datasets": "dataset", "spaces": "space"}
PLURALS: Final[dict[RepoType, str]] = {value: key for key, value in _TYPES.items()}
_JSON_LIMIT: Final = 4 << 20
_LARGE: Final = 128 << 10  # bytes of a body that is parsed; most are far smaller
_PATIENCE: Final = 600.0  # seconds until a body that is parsed is cut off
_BAD_TOKEN: Final = "Invalid credentials in Authorization header"  # noqa: S105 - clients look for these very words
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
        raise Unauthenticated(_BAD_TOKEN)
    return token.strip()


def identity(request: Request) -> Identity:
    """Who asks; Unauthenticated if the token is nobody's."""
    try:
        return accounts.authenticate(hub(request).services, bearer(request))
    except Unauthenticated as error:
        raise Unauthenticated(_BAD_TOKEN) from error


def param(request: Request, name: str) -> str:
    """A path parameter, unquoted. Invalid if it is not UTF-8 or has a NUL, which no name here has."""
    quoted = request.path_params[name]
    try:
        found = unquote(quoted, errors="strict")
    except UnicodeDecodeError:
        raise Invalid(f"the address is not UTF-8: {quoted[:200]!r}") from None
    if "\x00" in found:
        raise Invalid(f"the address has a NUL character: {quoted[:200]!r}")
    return found


def repo_id(request: Request) -> RepoId:
    """The repository in the path; a model where the path names no type."""
    kind = _TYPES[request.path_params.get("type", "models")]
    return RepoId(param(request, "namespace"), param(request, "name"), kind)


def repo_type(text: object) -> RepoType:
    """A repository type as bodies write it; None is a model."""
    if text is None:
        return "model"
    if not isinstance(text, str) or text not in PLURALS:
        raise Invalid(f"not a type of repository: {str(text)[:100]!r}", hint="use model, dataset or space")
    return text


def flag(value: str | None) -> bool:
    """A boolean as the client generations write them: ``true``, ``True``, ``1``; false where it is absent."""
    return (value or "").lower() in ("true", "1")


def base_url(request: Request) -> str:
    """The hub's address as this client sees it, without a slash at the end."""
    return hub(request).config.public_url.rstrip("/") or str(request.base_url).rstrip("/")


def parse_json(data: bytes) -> Any:
    """JSON (RFC 8259), null for nothing; Invalid for anything else."""
    try:
        return json.loads(data.decode() or "null", parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not JSON: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def fields(value: object, name: str = "the body") -> dict[str, Any]:
    """A JSON object; Invalid for anything else."""
    if not isinstance(value, dict):
        raise Invalid(f"{name} is not a JSON object")
    return value


def items(value: object, name: str) -> list[Any]:
    """A JSON array, empty for null; Invalid for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Invalid(f"{name!r} is not a list")
    return value


def text(value: object, name: str) -> str:
    """A JSON string; Invalid for anything else, and for lone surrogates, which are no text."""
    if not isinstance(value, str):
        raise Invalid(f"{name!r} is missing or not a string")
    if not value.isascii() and re.search("[\ud800-\udfff]", value):
        raise Invalid(f"{name!r} is not Unicode text")
    return value


def boolean(value: object, name: str) -> bool:
    """A JSON boolean, false for null; Invalid for anything else."""
    if value is not None and not isinstance(value, bool):
        raise Invalid(f"{name!r} is not true or false")
    return bool(value)


def whole_number(value: object, name: str) -> int:
    """A JSON number without a fraction, not negative, below 2^63; Invalid for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise Invalid(f"{name!r} is missing or not a whole number")
    return value


@asynccontextmanager
async def spooled(request: Request, limit: int) -> AsyncIterator[Path]:
    """The body in a file of its own, which is gone when the context is left. TooLarge beyond ``limit`` bytes."""
    with _spool_file(hub(request).spool) as path:
        await spool_to(request, path, limit)
        yield path


async def spool_to(request: Request, path: Path, limit: int) -> int:
    """Write the body to a file, a little at a time; returns its size. TooLarge beyond ``limit`` bytes."""
    return await _spool(request.stream(), path, limit)


async def _spool(pieces: AsyncIterator[bytes], path: Path, limit: int) -> int:
    size, buffer = 0, bytearray()
    with os_errors_unavailable("take in a request's body"), path.open("wb", buffering=0) as file:
        async for piece in pieces:
            size += len(piece)
            if size > limit:
                raise TooLarge(limit)
            buffer += piece
            if len(buffer) >= _BUFFER:
                await to_thread.run_sync(_write_all, file, buffer)
                buffer = bytearray()
        await to_thread.run_sync(_write_all, file, buffer)
    return size


def _write_all(file: FileIO, data: bytearray) -> None:
    with memoryview(data) as rest:
        written = 0
        while written < len(rest):  # a disk that is nearly full takes a part, and refuses the rest
            written += file.write(rest[written:]) or 0


@contextmanager
def _spool_file(folder: Path) -> Iterator[Path]:
    path = folder / token_hex(16)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


Answer = Callable[[Request, Any], Response]
Check = Callable[[Request], object]


def with_json(answer: Answer, limit: int = _JSON_LIMIT, check: Check = identity) -> Callable[[Request], Any]:
    """An endpoint that takes a JSON body of at most ``limit`` bytes, parsed and answered in a thread.

    Before the body is read, ``check`` raises for whoever may not send one; by default, for who shows a wrong token.
    """

    async def endpoint(request: Request) -> Response:
        await to_thread.run_sync(check, request)
        return await with_body(request, limit, lambda data: answer(request, parse_json(data)))

    return endpoint


async def with_body(
    request: Request,
    limit: int,
    answer: Callable[[bytes], Response],
    seconds: float = _PATIENCE,
    work: Limit | None = None,
) -> Response:
    """What ``answer`` gives, in a thread, for the body. TooLarge beyond ``limit`` bytes, TooSlow after ``seconds``.

    A large body is in memory only once all of it has come and it is its turn: until then it is in a file.

    Args:
        work: how many are answered at once; by default as few as large bodies need, if it is one.
    """
    with _spool_file(hub(request).spool) as path:
        try:
            with fail_after(seconds):
                small = await _taken(request, path, limit)
        except TimeoutError:
            raise TooSlow(seconds) from None
        if small is not None:
            return await to_thread.run_sync(answer, small, limiter=work.get(request) if work else None)
        return await to_thread.run_sync(lambda: answer(path.read_bytes()), limiter=(work or BODIES).get(request))


async def _taken(request: Request, path: Path, limit: int) -> bytes | None:
    """A small body; a large one goes to the file."""
    pieces, head = request.stream(), bytearray()
    async for piece in pieces:
        head += piece
        if len(head) > min(limit, _LARGE):
            break
    else:
        return bytes(head)

    async def whole() -> AsyncIterator[bytes]:
        yield bytes(head)
        async for piece in pieces:
            yield piece

    await _spool(whole(), path, limit)
    return None
