"""Requests as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tukar.cli.administration import Value
from tukar.cli.output import Table, date_text
from tukar.exchange import requests

_LINE = 60  # characters of a request's text in a list


def the_one(found: Sequence[Value], prefix: str) -> Value:
    """The request whose id begins so; NotFound if none does, Conflict if several do."""
    like = [each for each in found if len(prefix) >= 6 and each["id"].startswith(prefix)]
    one: Value = requests.only(like, prefix)
    return one


def table(found: Sequence[Value]) -> Table:
    """Requests, a line each."""
    rows = [
        (r["id"][:12], r["state"], _line(r["text"]), r["licence"] or "any", _evaluation(r), date_text(r["expires"]))
        for r in found
    ]
    return Table(("request", "state", "asks for", "licence", "at least", "until"), rows)


def everything(found: Value) -> Iterator[str]:
    """All about one."""
    yield f"request {found['id']}, {found['state']}"
    yield from found["text"].splitlines()
    for name, heading in (("task", "task"), ("licence", "licence"), ("base_model", "made from")):
        if found[name]:
            yield f"{heading}: {found[name]}"
    told = found["evaluation"]
    if told:
        yield f"at least {told['at_least']} of {told['metric']}, on the file with the SHA-256 {told['sha256']}"
    yield f"made {date_text(found['made'])} by the hub {found['hub']}; stands until {date_text(found['expires'])}"
    if found["swap"]:
        yield f"answered by the swap {found['swap']}"
    elif found["state"] == "open":
        yield f"who has it answers with: tukar swap offer PEER --give NAMESPACE/NAME --request {found['id'][:12]}"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LINE else f"{line[: _LINE - 3]}..."


def _evaluation(found: Value) -> str:
    told = found["evaluation"]
    return f"{told['at_least']} {told['metric']}" if told else ""
