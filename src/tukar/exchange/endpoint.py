"""Which hub, and as whom: ``HF_ENDPOINT`` and ``HF_TOKEN``, as for every Hugging Face client."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from tukar.errors import Invalid

DEFAULT: Final = "http://127.0.0.1:8080"
_TOKEN_LIMIT: Final = 4096


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A hub's address, without a slash at its end, and the token to show it.

    Attributes:
        token_from: where the token was found, for messages.
    """

    url: str
    token: str | None = None
    token_from: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Endpoint:
        """What the environment says; a hub on this machine where it says nothing. Invalid if it makes no sense.

        The token is that of ``HF_TOKEN``, or the one that ``hf auth login`` has stored.
        """
        url = checked(environ.get("HF_ENDPOINT") or DEFAULT, "HF_ENDPOINT")
        if environ.get("HF_TOKEN", "").strip():
            return cls(url, _clean(environ["HF_TOKEN"], "HF_TOKEN"), "HF_TOKEN")
        path = _token_path(environ)
        stored = _read(path)
        return cls(url, _clean(stored, str(path)), str(path)) if stored else cls(url)

    @classmethod
    def named(cls, address: str, name: str, token_file: Path | None) -> Self:
        """A hub that is not the one of the environment, and the token in a file, if there is one to show.

        Invalid if the address is none, or no token is there. ``name`` says where the address was written.
        """
        url = checked(address, name)
        if token_file is None:
            return cls(url)
        token = _clean(_read(token_file), str(token_file))
        if not token:
            raise Invalid(f"there is no token in {token_file}", hint="put it there, alone on one line")
        return cls(url, token, str(token_file))

    def headers(self) -> dict[str, str]:
        """What shows the hub who asks."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def is_at(self, url: str) -> bool:
        """Whether an address is this hub's: only then may it see the token."""
        return origin(url) == origin(self.url)


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454)."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def checked(address: str, name: str) -> str:
    """A hub's address without a slash at its end; Invalid if it is none. ``name`` says where it was written."""
    url = address.strip().rstrip("/")
    try:
        scheme, host, _ = origin(url)
    except ValueError:
        scheme, host = "", None
    is_clean = url.isascii() and url.isprintable() and not set(" @?#") & set(url)
    if scheme not in ("http", "https") or not host or not is_clean:
        raise Invalid(f"{name} is not the address of a hub: {url[:200]!r}", hint="write it as http://HOST:PORT")
    return url


def _token_path(environ: Mapping[str, str]) -> Path:
    if environ.get("HF_TOKEN_PATH"):
        return Path(environ["HF_TOKEN_PATH"]).expanduser()
    cache = environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(home).expanduser() / "token"


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_TOKEN_LIMIT).strip()
    except (OSError, ValueError, RuntimeError):
        return ""


def _clean(text: str, where: str) -> str:
    token = text.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Invalid(f"the token in {where} is not one: it has spaces or unprintable characters")
    return token
