"""Settings: the only reader of the environment and of the configuration file.

A setting comes from the first of these that has it: the command line, the environment (``TUKAR_`` and its name in
capitals), the file ``tukar.toml`` (in the data folder, or where ``TUKAR_CONFIG`` says), its default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from tukar.errors import Invalid

_PREFIX: Final = "TUKAR_"
_DAY: Final = 86_400.0


def _setting(default: Any, help: str) -> Any:  # noqa: A002 - argparse's and click's word
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set; each has its entry in docs/reference/settings.md."""

    data: Path = _setting(Path("data"), "The folder that holds everything the hub keeps.")
    host: str = _setting("127.0.0.1", "The address to listen on.")
    port: int = _setting(8080, "The port to listen on.")
    public_url: str = _setting("", "The hub's address as clients see it, if a proxy hides it.")
    admin_token: str = _setting("", "The first administrator's token; made and printed once where it is not set.")
    database_url: str = _setting("", "SQLAlchemy URL of the database; SQLite in the data folder where it is not set.")
    storage_url: str = _setting(
        "", "s3://, gs:// or az:// URL of the object storage; else a folder in the data folder."
    )
    gc_grace: float = _setting(14 * _DAY, "Seconds that what nothing needs is kept before it is freed.")
    gc_every: float = _setting(_DAY, "Seconds between garbage collections; 0 for none by itself.")
    upload_window: float = _setting(_DAY, "Seconds that uploads are kept for a commit to follow.")
    check_every: float = _setting(7 * _DAY, "Seconds between background checks of all stored bytes; 0 for none.")
    repack_every: float = _setting(300.0, "Seconds between looks for models to encode anew; 0 for none by itself.")
    swap_pause: float = _setting(2.0, "Seconds until a swap that waits for the other hub is looked at again.")
    upload_limit: int = _setting(1 << 40, "Bytes of the largest file that the hub takes.")
    log_level: str = _setting("info", "How much is logged: debug, info, warning or error.")

    @property
    def database(self) -> str:
        """The database's URL, the default worked out."""
        return self.database_url or f"sqlite:///{self.data / 'database.sqlite'}"


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a command keeps what it could fetch again: ``tukar`` in ``XDG_CACHE_HOME``, or in ``~/.cache``."""
    return Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tukar"


def load(overrides: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Config:
    """The settings in force; ``overrides`` are those of the command line, None for what it does not say.

    Invalid for an unknown setting in the file, or a value that is not of its type or is negative.
    """
    chosen: dict[str, object] = {name: value for name, value in overrides.items() if value is not None}
    named = {name: environ[_PREFIX + name.upper()] for name in _DEFAULTS if environ.get(_PREFIX + name.upper())}
    explicit = environ.get(f"{_PREFIX}CONFIG")
    file = _read(Path(explicit)) if explicit else _read_in_data({**named, **chosen})
    values: dict[str, Any] = {name: _typed(name, value) for name, value in {**file, **named, **chosen}.items()}
    return Config(**values)


def _read_in_data(known: Mapping[str, object]) -> dict[str, object]:
    """The settings in the data folder's own file, if there is one."""
    path = Path(str(known.get("data", _DEFAULTS["data"]))) / "tukar.toml"
    found = _read(path) if path.exists() else {}
    if "data" in found:
        raise Invalid(f"{path}: the data folder cannot name another", hint="set it where the file is named instead")
    return found


def _read(path: Path) -> dict[str, object]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(f"cannot read the configuration file {path}: {error}") from error
    unknown = found.keys() - _DEFAULTS.keys()
    if unknown:
        raise Invalid(f"{path}: unknown settings: {', '.join(sorted(unknown))}", hint="see docs/reference/settings.md")
    return found


_WORDS: Final = {int: "whole number", float: "number"}
_DEFAULTS: Final[dict[str, Any]] = {setting.name: setting.default for setting in fields(Config)}


def _typed(name: str, value: object) -> object:
    kind = type(_DEFAULTS[name])
    if kind in (int, float):
        return _number(name, value, kind)
    if not isinstance(value, str | Path):
        raise Invalid(f"the setting {name} must be text, not {value!r}")
    return Path(value) if issubclass(kind, Path) else str(value)


def _number(name: str, value: object, kind: type[int] | type[float]) -> int | float:
    try:
        number = float("nan") if isinstance(value, bool) else kind(str(value))
    except ValueError:
        number = float("nan")
    if not 0 <= number < float("inf"):
        raise Invalid(f"the setting {name} must be a {_WORDS[kind]} of 0 or more, not {value!r}")
    return number
