"""A peer that serves something else than it offered: nothing of it is published, and nothing stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any

import pytest

from tukar.catalog import git
from tukar.exchange.offers import OFFER, FileItem, Item
from tukar.types import Digest, RepoId
from tukar.usecases import repositories as usecase
from tukar.usecases.accounts import authenticate
from tukar.usecases.collect import collect

from .hostile import both as both
from .hostile import third as third
from .hostile import victim as victim
from .hostile import villain as villain
from .site import ADMIN_TOKEN
from .victim import Victim
from .villain import SECRET_NAME, Serve, Villain

Pieces = Iterable[bytes]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tukar.exchange.transfer.PAUSES", (0.0, 0.0))


def served(change: Callable[[Villain, list[str]], Pieces], status: int = 200) -> Serve:
    return lambda villain, swap, asked: (status, change(villain, asked["objects"]))


def honest(villain: Villain, wanted: list[str]) -> list[bytes]:
    return villain.stream(wanted)


def flipped(villain: Villain, wanted: list[str]) -> Pieces:
    data = bytearray(b"".join(villain.stream(wanted)))
    data[-1] ^= 1
    return [bytes(data)]


def in_the_header(villain: Villain, wanted: list[str]) -> Pieces:
    data = bytearray(b"".join(villain.stream(wanted)))
    data[40] ^= 0xFF
    return [bytes(data)]


def of_another(villain: Villain, wanted: list[str]) -> Pieces:
    return villain.stream([str(file.manifest) for file in villain.item("more").files if file.lfs])


def the_same_again(villain: Villain, wanted: list[str]) -> Iterator[bytes]:
    first = b"".join(villain.stream(wanted[:1]))
    return repeat(first)


# What ends a swap: a lie that can be seen.
STREAMS: dict[str, Serve] = {
    "a bit flipped": served(flipped),
    "another digest": served(in_the_header),
    "another model's objects": served(of_another),
    "one object without end": served(the_same_again),
    "zeros without end": served(lambda *_: repeat(bytes(1 << 16))),
    "ones without end": served(lambda *_: repeat(b"\xff" * (1 << 16))),
    "words": served(lambda *_: [b"<html>not found</html>" * 100]),
    "more than was asked for": served(lambda villain, wanted: [*villain.stream(wanted), b"\0" * 300]),
}


@pytest.mark.parametrize("serve", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_that_lies(villain: Villain, victim: Victim, serve: Serve) -> None:
    assert ended(villain, victim, villain.item(), serve=serve) == "cancelled"


# What can be got over: it may be the line's fault.
BREAKS: dict[str, Serve] = {
    "nothing": served(lambda *_: []),
    "half": served(lambda villain, wanted: [b"".join(villain.stream(wanted))[:150]]),
    "not found": served(lambda *_: [b'{"error": "gone"}'], 404),
    "forbidden": served(lambda *_: [b'{"error": "\x1b[2Jno"}'], 403),
    "an error": served(lambda *_: [b"<html>" * 10_000], 500),
    "elsewhere": served(lambda *_: [], 302),
}


@pytest.mark.parametrize("serve", BREAKS.values(), ids=BREAKS.keys())
def test_a_stream_that_breaks_off_leaves_the_choice_to_the_operator(
    villain: Villain, victim: Victim, serve: Serve
) -> None:
    made = villain.offered(villain.item())
    victim.accept(made.swap).raise_for_status()
    villain.serve = serve
    villain.answers = [villain.sign(OFFER, made.payload())]
    victim.run(made.swap)
    shown = victim.shown(made.swap)
    assert shown["state"] in ("accepted", "cancelled")
    assert shown["error"] is None or shown["error"].isprintable()
    assert shown["error"] or shown["reason"]
    if shown["state"] == "accepted":
        victim.cancel(made.swap).raise_for_status()
    assert victim.is_swept(made.swap)


def lying(index: int = 1, **changes: Any) -> Callable[[Villain], Item]:
    """The honest item with a lie about one file."""

    def make(villain: Villain) -> Item:
        item = villain.item()
        files = list(item.files)
        files[index] = replace(files[index], **changes)
        return replace(item, files=tuple(files))

    return make


def larger(villain: Villain) -> Item:
    """The size is a lie, and git's id is made to fit it."""
    item = villain.item()
    card, weights = item.files
    size = weights.size + 1
    return replace(item, files=(card, replace(weights, size=size, oid=git.lfs_oid(weights.sha256, size))))


def twice_with_another_size(villain: Villain) -> Item:
    """One sha256 under two names, once with a size that is a lie."""
    item = villain.item()
    card, weights = item.files
    lie = replace(weights, path="a.bin", size=1, oid=git.lfs_oid(weights.sha256, 1))
    return replace(item, files=(card, lie, weights))


def another_model(villain: Villain) -> Item:
    """The weights' name, size and digest are those of the offer, and the manifest is another's."""
    card, weights = villain.item().files
    other = next(file for file in villain.item("more").files if file.lfs)
    return replace(villain.item(), files=(card, replace(weights, manifest=other.manifest)))


def pointer_in_its_place(villain: Villain) -> Item:
    card, weights = villain.item().files
    return replace(villain.item(), files=(card, replace(weights, lfs=False)))


def content_as_manifest(villain: Villain) -> Item:
    card, weights = villain.item().files
    return replace(villain.item(), files=(card, replace(weights, manifest=Digest.parse(villain.any_object()))))


def stolen(villain: Villain) -> Item:
    """It knows the digest of what is private here, and claims to give it."""
    card, weights = villain.item().files
    secret: FileItem = next(file for file in villain.victim.item(SECRET_NAME).files if file.lfs)
    return replace(villain.item(), files=(card, replace(secret, path="stolen", manifest=weights.manifest)))


ITEMS: dict[str, Callable[[Villain], Item]] = {
    "another sha256": lying(sha256="c" * 64),
    "a git id of another file": lying(oid="d" * 40),
    "a git id of another card": lying(0, oid="d" * 40),
    "a size": lying(size=12),
    "a size of nothing": lying(size=0),
    "a size with the git id that goes with it": larger,
    "one file twice, with two sizes": twice_with_another_size,
    "another model under the name": another_model,
    "a pointer in the place of a file": pointer_in_its_place,
    "an LFS file that is none": lying(0, lfs=True),
    "content in the place of a manifest": content_as_manifest,
    "what is private here": stolen,
}


@pytest.mark.parametrize("make", ITEMS.values(), ids=ITEMS.keys())
def test_an_item_that_lies(villain: Villain, victim: Victim, make: Callable[[Villain], Item]) -> None:
    assert ended(villain, victim, make(villain)) == "cancelled"


def test_a_manifest_that_is_not_there(villain: Villain, victim: Victim) -> None:
    """It is asked for, and what comes instead was not."""
    assert (
        ended(villain, victim, lying(manifest=Digest.of(b"nothing"))(villain), serve=served(of_another)) == "cancelled"
    )


def test_a_stream_that_goes_on_after_the_swap_has_ended(
    villain: Villain, victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slowly it comes: nobody waits for its end."""
    monkeypatch.setattr("tukar.usecases.swap_run._WATCH", 0.0)

    def drip(villain: Villain, swap_id: str, asked: dict[str, Any]) -> tuple[int, Pieces]:
        def pieces() -> Iterator[bytes]:
            victim.cancel(swap_id).raise_for_status()
            for byte in b"".join(villain.stream(asked["objects"])):
                yield bytes([byte])

        return 200, pieces()

    made = villain.offered(villain.item())
    victim.accept(made.swap).raise_for_status()
    villain.serve = drip
    villain.answers = [villain.sign(OFFER, made.payload())]
    victim.run(made.swap)
    assert victim.state(made.swap) == "cancelled"
    assert victim.is_swept(made.swap)


def test_more_than_the_disk_has(villain: Villain, victim: Victim) -> None:
    made = villain.offered(lying(size=(1 << 53) - 1, sha256="a" * 64)(villain))
    answer = victim.accept(made.swap)
    assert (answer.status_code, "in all" in answer.json()["error"]) == (409, True)
    assert victim.state(made.swap) == "offered"


def test_a_swap_in_which_it_never_says_that_it_is_ready(villain: Villain, victim: Victim) -> None:
    """It has all, and the victim can still cancel: nothing is published."""
    swap_id = victim.offer()
    villain.say(swap_id, villain.accept(swap_id))
    villain.serve = served(honest)
    victim.run(swap_id)
    assert victim.state(swap_id) == "ready"
    victim.cancel(swap_id).raise_for_status()
    assert victim.is_swept(swap_id)


def test_what_it_takes_may_be_deleted_in_between(villain: Villain, victim: Victim) -> None:
    victim.site.repository("admin", name="short-lived")
    victim.site.push_lfs("admin/short-lived", "weights.bin", b"soon gone" * 10_000)
    swap_id = victim.offer(give="short-lived")
    wanted = victim.digests("short-lived")
    who = authenticate(victim.services, ADMIN_TOKEN)
    usecase.delete(victim.services, who, RepoId("admin", "short-lived"))
    collect(victim.services, grace=0, upload_window=0)
    villain.say(swap_id, villain.accept(swap_id))
    assert villain.fetch(swap_id, wanted).status_code == 200
    victim.cancel(swap_id).raise_for_status()
    assert villain.fetch(swap_id, wanted).status_code == 404
    collect(victim.services, grace=0, upload_window=0)
    assert victim.is_swept(swap_id)


def test_garbage_in_the_place_of_an_answer(villain: Villain, victim: Victim) -> None:
    """It says what cannot be; the operator is told, and the swap stands as it stood."""
    swap_id = victim.offer()
    offer = victim.statement(swap_id)
    for lie in (villain.receipt(offer), villain.ending("0" * 64), villain.accept("0" * 64), villain.sign("a", b"b")):
        villain.answers = [lie]
        victim.run(swap_id)
        assert victim.state(swap_id) == "offered"
        assert victim.shown(swap_id)["error"]


def ended(villain: Villain, victim: Victim, item: Item, serve: Serve | None = None) -> str:
    """How a swap ends in which the villain offered an item that the victim accepted."""
    made = villain.offered(item)
    victim.accept(made.swap).raise_for_status()
    villain.serve = serve or served(honest)
    villain.answers = [villain.sign(OFFER, made.payload())]
    victim.run(made.swap)
    shown = victim.shown(made.swap)
    if not shown["open"]:
        assert victim.is_swept(made.swap)
    return str(shown["state"])
