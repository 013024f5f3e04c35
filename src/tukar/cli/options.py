"""Options that several commands have, and the kinds of values that only Tukar has."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tukar.cli.failures import JSON_KEY
from tukar.cli.output import Output
from tukar.errors import Invalid
from tukar.exchange.http import PLURALS
from tukar.types import REPO_TYPES, RepoId, RepoType

_Command = TypeVar("_Command", bound=Callable[..., Any])
Decorator = Callable[[_Command], _Command]

_ADDRESS: Final = re.compile(
    r"(?P<hub>https?://[^/@\s]+)?/*(?:api/)?(?:(?P<plural>models|datasets|spaces)/)?(?P<id>[^/?#]+/[^/?#]+)(?:[/?#].*)?"
)
"""A repository's page, or one below it, with or without the hub's address."""
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def _output(ctx: click.Context, _: click.Parameter, as_json: bool) -> Output:
    ctx.meta[JSON_KEY] = as_json
    return Output(as_json)


json_option = click.option(
    "--json",
    "output",
    is_flag=True,
    is_eager=True,
    callback=_output,
    help="Print one JSON document on standard output.",
)

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Work on this data folder directly, while its hub is down, instead of on the hub at HF_ENDPOINT.",
)

type_option = click.option(
    "--type",
    "kind",
    type=click.Choice(REPO_TYPES),
    default="model",
    show_default=True,
    help="What the repository is.",
)

include_option = click.option(
    "--include", multiple=True, metavar="GLOB", help="Only files whose path matches; may be given several times."
)

exclude_option = click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Not files whose path matches; may be given several times."
)


class Duration(click.ParamType[float]):
    """A time span: a number with s, m, h, d or w; or ``0``, where that makes sense. In seconds.

    Args:
        example: what to write, for who wrote something else.
        zero: whether ``0`` is one.
    """

    name = "duration"

    def __init__(self, example: str = "36h", *, zero: bool = True) -> None:
        self._example, self._zero = example, zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds; a usage error for anything else."""
        if isinstance(value, float):
            return value
        if value == "0" and self._zero:
            return 0.0
        match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smhdw])", value)
        if match is None:
            what = f"{'0, or ' if self._zero else ''}a number with s, m, h, d or w"
            self.fail(f"{value!r} is not a duration: write {what}, as in {self._example}", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


def repo_id(text: str, kind: RepoType, hub_option: str = "HF_ENDPOINT=") -> RepoId:
    """The repository that an argument names. Invalid for anything but NAMESPACE/NAME, and an address is not that.

    ``hub_option`` is what stands before the hub's address where that is named.
    """
    try:
        return RepoId.parse(text, kind)
    except Invalid as error:
        meant = _meant(text, hub_option)
        if meant is None:
            raise
        raise Invalid(f"not a repository id: {text[:200]!r}", hint=f"write it as {meant}") from error


def _meant(text: str, hub_option: str) -> str | None:
    """What to write instead of the address of a repository, or of a path in its address; None if it is neither."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return None
    try:
        named = RepoId.parse(found["id"])
    except Invalid:
        return None
    kind = {plural: kind for kind, plural in PLURALS.items()}.get(found["plural"] or "models", "model")
    more = [f"--type {kind}"] if kind != "model" else []
    more += [f"{hub_option}{found['hub']}"] if found["hub"] else []
    return f"{named}, with {' and '.join(more)}" if more else f"{named}"


def chosen(paths: list[str], include: tuple[str, ...], exclude: tuple[str, ...]) -> list[str]:
    """The paths that the patterns choose; as with stock clients, ``*`` matches ``/`` too, and ``dir/`` all within.

    Invalid if there are paths and none of them is chosen.
    """
    found = [path for path in paths if _matches(path, include or ("*",)) and not _matches(path, exclude)]
    if paths and not found:
        raise Invalid(f"none of the {len(paths)} files is chosen", hint="look at --include and --exclude")
    return found


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, f"{pattern}*" if pattern.endswith("/") else pattern) for pattern in patterns)
