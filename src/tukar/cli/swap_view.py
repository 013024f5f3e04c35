"""Swaps as text for people, seen from this hub: what it gives, what it gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from tukar.cli.administration import Administration, Value
from tukar.cli.output import Table, date_text, size_text
from tukar.errors import NotFound
from tukar.types import RepoId

_ITEMS = ("repository", "revision", "licence", ">files", ">size")

_RECENT = timedelta(days=7)


def waits_for_us(swap: Value) -> bool:
    """Whether it is an offer that this hub's operator has to decide on."""
    return (swap["role"], swap["state"]) == ("acceptor", "offered")


def state(swap: Value) -> str:
    """The word for it: an offer that nobody accepted in time was cancelled by nobody."""
    return "expired" if swap["expired"] else str(swap["state"])


def expired(swaps: Sequence[Value], now: datetime) -> Iterator[str]:
    """The offers to this hub that nobody accepted in time, of the last week: why they wait no more."""
    since = (now - _RECENT).isoformat()
    for swap in swaps:
        if swap["expired"] and swap["role"] == "acceptor" and swap["changed"] > since:
            yield f"offer {swap['id'][:12]} of {swap['peer']} expired {until(swap)}: ask {swap['peer']} for a new one"


def until(swap: Value) -> str:
    """When its offer ends."""
    return date_text(swap["expires"])


def given(swap: Value) -> list[Value]:
    """What this hub hands over."""
    items: list[Value] = swap["give" if swap["role"] == "offerer" else "take"]
    return items


def coming(swap: Value) -> list[Value]:
    """What is handed to it."""
    items: list[Value] = swap["take" if swap["role"] == "offerer" else "give"]
    return items


def unchecked(made: Value) -> str:
    """What can be known of what a new offer asks for."""
    return f"what you ask for only {made['peer']} can look up: it is checked there, when its operator decides"


def table(swaps: Sequence[Value]) -> Table:
    """All swaps, a line each."""
    rows = [(s["id"][:12], s["peer"], s["role"], state(s), *_sides(s), date_text(s["changed"])) for s in swaps]
    return Table(("swap", "with", "you are the", "state", "you give", "you get", "since"), rows)


def everything(swap: Value) -> Iterator[str | Table]:
    """All about one."""
    yield f"swap {swap['id']} with {swap['peer']}"
    yield swap["says"]
    yield from told(swap)
    if swap["error"]:
        yield f"it does not go on now: {swap['error']}"
    yield f"you are the {swap['role']}; offered {date_text(swap['created'])}, {_lasting(swap)}"
    yield from _words(swap)
    yield from _side("you give", given(swap))
    yield from _side("you get", coming(swap))
    yield from _places(swap)
    if swap["state"] == "accepted" and swap["fetched_bytes"]:
        yield f"{size_text(swap['fetched_bytes'])} came over the wire so far; all has {size_text(swap['total_bytes'])}"
    elif swap["fetched_bytes"] or swap["avoided_bytes"]:
        yield (
            f"{size_text(swap['fetched_bytes'])} came over the wire; of {size_text(swap['total_bytes'])} in all, "
            f"{size_text(swap['avoided_bytes'])} did not have to"
        )
    if swap["receipt"]:
        yield from _receipts(swap)


def told(swap: Value) -> Iterator[str]:
    """Whether the other hub knows of what waits for it."""
    if not swap["open"] or waits_for_us(swap):
        return
    if swap["reached"] is None:
        yield f"{swap['peer']} has not been reached yet; this hub goes on trying by itself, as long as it runs"
    elif swap["error"]:
        yield f"{swap['peer']} was last reached {date_text(swap['reached'])}; this hub goes on trying by itself"


def waiting(swap: Value, hub: Administration, asked: Mapping[str, str]) -> Iterator[str | Table]:
    """An offer that waits for a decision, with what accepting it means.

    Args:
        asked: the texts of this hub's requests, by their ids.
    """
    yield f"offer {swap['id']} of {swap['peer']}, stands until {until(swap)}"
    yield from _words(swap)
    if swap["request"] in asked:
        yield f"you asked for: {asked[swap['request']]}"
    yield from _side("you would give", [_known(item, hub) for item in given(swap)])
    yield from _side("you would get", coming(swap))
    yield f"to accept: tukar swap accept {swap['id'][:12]}; to refuse: tukar swap refuse {swap['id'][:12]}"
    yield (
        "Accepting lets the other hub fetch what you would give. Both hubs publish what they get once both have it, "
        "or neither does; until this hub has signed for its part you can cancel."
    )
    yield ""


def _known(asked: Value, hub: Administration) -> Value:
    """What is asked for, as it is here now."""
    try:
        found = hub.repository(RepoId.parse(asked["repository"], asked["type"]), asked["revision"], 1)
    except NotFound:
        return {**asked, "revision": f"{asked['revision']} (not here)"}
    size = sum(file["size"] for file in found["files"])
    return {
        **asked,
        "commit": found["commit"],
        "licence": found["license"],
        "files": len(found["files"]),
        "size": size,
    }


def _side(heading: str, items: Sequence[Value]) -> Iterator[str | Table]:
    if not items:
        yield f"{heading}: nothing"
        return
    yield f"{heading}:"
    yield Table(_ITEMS, [_row(item) for item in items])


def _row(item: Value) -> tuple[str, ...]:
    if "commit" not in item:
        return _known_name(item), item.get("revision", ""), "", "", ""
    licence = item["licence"] or "none declared"
    return _known_name(item), item["commit"], licence, str(item["files"]), size_text(item["size"])


def _words(swap: Value) -> Iterator[str]:
    for name, heading in (("note", "note"), ("request", "answers the request"), ("reason", "reason")):
        if swap[name]:
            yield f"{heading}: {swap[name]}"


def _lasting(swap: Value) -> str:
    if swap["state"] == "offered":
        return f"stands until {until(swap)}"
    return f"{state(swap)} since {date_text(swap['changed'])}"


def _places(swap: Value) -> Iterator[str]:
    verb = "published" if swap["state"] == "published" else "to be published"
    for place in swap["into"] if swap["open"] or swap["state"] == "published" else ():
        private, commit = " (private)" if place["private"] else "", place["commit"]
        yield f"{place['from']} is {verb} as {place['to']}{private}{f', commit {commit}' if commit else ''}"


def _receipts(swap: Value) -> Iterator[str]:
    ours = [item["repository"] for item in given(swap)] + [place["to"] for place in swap["into"]]
    yield f"the receipt: tukar receipt show {ours[0]}" if ours else "it has a receipt"


def _sides(swap: Value) -> tuple[str, str]:
    """The names of what this hub gives, and of what it gets."""
    give, take = (_short(swap[side], swap[f"{side}_count"]) for side in ("give", "take"))
    return (give, take) if swap["role"] == "offerer" else (take, give)


def _short(names: Sequence[Value], count: int) -> str:
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return ", ".join(_name(item) for item in names) + more or "nothing"


def _known_name(item: Value) -> str:
    return f"{_name(item)}, private here" if item.get("private") else _name(item)


def _name(item: Value) -> str:
    return item["repository"] if item["type"] == "model" else f"{item['repository']} ({item['type']})"
