"""Swaps on the command line, between two real hubs."""

from __future__ import annotations

import re
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tukar.testing.models import tiny_safetensors

from .fake import FakeHub, Request
from .files import contents, model, write
from .hub import DEADLINE, Commands, wait_for
from .pair import Pair, pair

CARD = b"---\nlicense: apache-2.0\nbase_model: acme/base\n---\n# Child\n"


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two hubs for all tests of this file."""
    with pair(tmp_path_factory.mktemp("pair")) as made:
        yield made


@pytest.fixture
def names(request: pytest.FixtureRequest, hubs: Pair, tmp_path: Path) -> tuple[str, str]:
    """A base on ours and a child on theirs, of this test alone."""
    stem = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60].strip("-")
    base, child = f"admin/{stem}-base", f"admin/{stem}-child"
    seed = zlib.crc32(stem.encode())
    hubs.ours.tukar.json("push", model(tmp_path / "base", seed), base)
    files = {"model.safetensors": tiny_safetensors(seed, metadata={"a": "b"}), "README.md": CARD}
    hubs.theirs.tukar.json("push", write(tmp_path / "child", files), child)
    return base, child


def test_a_swap_from_the_offer_to_the_receipts(hubs: Pair, names: tuple[str, str], tmp_path: Path) -> None:
    base, child = names
    swap_id = hubs.offer("--give", base, "--take", f"{child}@main", "--into", f"{child}=admin/got-it", "--note", "hi")
    (waiting,) = [each for each in hubs.theirs.tukar.json("swap", "inbox") if each["id"] == swap_id]
    assert (waiting["role"], waiting["state"], waiting["note"]) == ("acceptor", "offered", "hi")
    told = hubs.theirs.tukar("swap", "inbox").stdout
    for part in (base, child, "apache-2.0", "note: hi", f"tukar swap accept {swap_id[:12]}", "or neither does"):
        assert part in told
    accepted = hubs.theirs.tukar("swap", "accept", swap_id[:12], "--private", "--wait")
    assert accepted.code == 0, accepted.stderr
    assert "Done: both hubs signed the receipt" in accepted.stdout
    assert "accepted:" in accepted.stderr
    assert hubs.ours.tukar("swap", "status", swap_id, "--wait").code == 0
    for party in (hubs.ours, hubs.theirs):
        assert party.swap(swap_id)["state"] == "published"
        assert swap_id not in {each["id"] for each in party.tukar.json("swap", "inbox")}
    assert hubs.theirs.tukar.json("show", base)["private"] is True
    assert hubs.ours.tukar.json("show", "admin/got-it")["private"] is False
    hubs.ours.tukar.json("pull", "admin/got-it", "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(tmp_path / "child")
    shown = [
        party.tukar.json("receipt", "list", name) for party, name in ((hubs.ours, "admin/got-it"), (hubs.theirs, child))
    ]
    assert shown[0] == shown[1]
    (saved,) = hubs.theirs.tukar.json("receipt", "show", base, "--save", tmp_path)
    verified = hubs.ours.tukar.at("http://127.0.0.1:9")
    assert verified("receipt", "verify", saved["saved"], "--folder", tmp_path / "child").code == 0


@pytest.mark.slow
def test_status_shows_what_moved(hubs: Pair, names: tuple[str, str]) -> None:
    base, child = names
    swap_id = hubs.offer("--give", base, "--take", child)
    hubs.theirs.tukar.json("swap", "accept", swap_id, "--wait")
    done = hubs.ours.tukar.json("swap", "status", swap_id, "--wait")
    assert done["total_bytes"] > 0
    assert done["fetched_bytes"] > 0
    told = hubs.ours.tukar("swap", "status", swap_id).stdout
    assert "came over the wire" in told
    assert f"the receipt: tukar receipt show {base}" in told
    line = next(line for line in hubs.ours.tukar("swap", "status").stdout.splitlines() if swap_id[:12] in line)
    for part in ("theirs", "offerer", "published", base, child):
        assert part in line


def test_a_refusal_tells_why(hubs: Pair, names: tuple[str, str]) -> None:
    swap_id = hubs.offer("--take", names[1])
    refused = hubs.theirs.tukar("swap", "refuse", swap_id, "--reason", "not for sale")
    assert "You refused the offer" in refused.stdout
    ended = hubs.ours.tukar("swap", "status", swap_id, "--wait")
    assert ended.code == 1
    assert "The other hub refused the offer" in ended.stdout
    assert "reason: not for sale" in ended.stdout
    again = hubs.theirs.tukar("swap", "accept", swap_id)
    assert again.code == 1
    assert "has ended here" in again.stderr


@pytest.mark.slow
def test_a_cancellation(hubs: Pair, names: tuple[str, str]) -> None:
    swap_id = hubs.offer("--give", names[0])
    assert hubs.ours.tukar.json("swap", "cancel", swap_id)["state"] == "cancelled"
    hubs.theirs.wait_for(swap_id, "cancelled")
    assert hubs.ours.tukar("swap", "cancel", swap_id).code == 0, "it can be repeated"


@pytest.mark.slow
def test_a_gift_has_nothing_to_take(hubs: Pair, names: tuple[str, str]) -> None:
    swap_id = hubs.offer("--give", names[0])
    assert "you would give: nothing" in hubs.theirs.tukar("swap", "inbox").stdout
    hubs.theirs.tukar.json("swap", "accept", swap_id, "--into", f"{names[0]}=admin/gift", "--wait")
    assert hubs.theirs.tukar.json("show", "admin/gift")["id"] == "admin/gift"
    assert hubs.ours.tukar.json("swap", "status", swap_id, "--wait")["state"] == "published"


def test_what_is_asked_for_and_is_not_here_is_told(hubs: Pair) -> None:
    swap_id = hubs.offer("--take", "admin/none@v7")
    assert "v7 (not here)" in hubs.theirs.tukar("swap", "inbox").stdout
    assert hubs.theirs.tukar("swap", "accept", swap_id).code == 1
    hubs.theirs.tukar.json("swap", "refuse", swap_id)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "neither gives nor asks"),
        (("--give", "admin/none"), "no model admin/none"),
        (("--take", "base"), "not a repository id"),
        (("--take", "a/b@"), "no revision after the @"),
        (("--take", "a/b", "--into", "a/b"), "not a place to publish"),
        (("--take", "a/b", "--into", "a/c=admin/c"), "is not among what comes"),
        (("--take", "a/b", "--expires", "9000d"), "to 365 days, not for 777600000 seconds (write --expires 7d"),
        (("--take", "a/b", "--take", "a/b"), "twice"),
    ],
)
def test_offers_that_make_no_sense(hubs: Pair, arguments: tuple[str, ...], told: str) -> None:
    done = hubs.ours.tukar("swap", "offer", "theirs", *arguments)
    assert done.code == 1
    assert told in done.stderr


def test_an_unknown_peer_an_unknown_swap(hubs: Pair) -> None:
    assert "there is no peer" in hubs.ours.tukar("swap", "offer", "nobody", "--take", "a/b").stderr
    for command in ("status", "accept", "refuse", "cancel"):
        done = hubs.ours.tukar("swap", command, "abcdef123456")
        assert (done.code, "no swap" in done.stderr) == (1, True)


def test_only_administrators(hubs: Pair) -> None:
    stranger = hubs.ours.tukar.as_(None)
    for arguments in (("inbox",), ("status",), ("offer", "theirs", "--take", "a/b"), ("cancel", "abcdef")):
        assert stranger("swap", *arguments).code == 1


@pytest.mark.parametrize(
    "arguments",
    [("status", "--wait"), ("status", "abcdef", "--wait", "--data", "."), ("accept", "abcdef", "--data", ".")],
)
def test_waiting_needs_a_swap_and_a_hub(hubs: Pair, arguments: tuple[str, ...]) -> None:
    assert hubs.ours.tukar("swap", *arguments).code == 2


@pytest.mark.slow
def test_a_hub_that_is_down_can_be_looked_at_and_can_refuse(tmp_path: Path) -> None:
    with pair(tmp_path) as hubs:
        hubs.ours.tukar.json("push", write(tmp_path / "m", {"README.md": CARD}), "admin/base")
        refused, cancelled = (hubs.offer("--give", "admin/base") for _ in range(2))
        hubs.ours.hub.stop()  # or it would ask again, and when it did is shown
        running = {question: hubs.theirs.tukar.json("swap", *question) for question in _questions(refused)}
        hubs.theirs.hub.stop()
        folder = ("--data", hubs.theirs.hub.data)
        assert {q: hubs.theirs.tukar.json("swap", *q, *folder) for q in _questions(refused)} == running
        done = hubs.theirs.tukar("swap", "refuse", refused, *folder)
        assert (done.code, "once this one runs" in done.stderr) == (0, True)
        assert hubs.ours.tukar("swap", "cancel", cancelled, "--data", hubs.ours.hub.data).code == 0
        for party in (hubs.ours, hubs.theirs):
            port = party.hub.url.rpartition(":")[2]
            party.hub.start("--port", port)
        hubs.ours.wait_for(refused, "refused")
        hubs.theirs.wait_for(cancelled, "cancelled")


def _questions(swap_id: str) -> list[tuple[str, ...]]:
    return [("status",), ("inbox",), ("status", swap_id)]


# A hub that says what a test wants

SWAP = {
    "id": "ab" * 32,
    "peer": "rumah",
    "role": "acceptor",
    "state": "accepted",
    "open": True,
    "says": "You accepted; it is on its way here.",
    "give": [],
    "take": [],
    "into": [],
    "note": "",
    "created": "2026-01-01T00:00:00.000Z",
    "expires": "2026-01-08T00:00:00.000Z",
    "changed": "2026-01-02T00:00:00.000Z",
    "fetched_bytes": 0,
    "avoided_bytes": 0,
    "total_bytes": 10,
    "receipt": False,
}


def test_ctrl_c_leaves_the_swap_going_on(deceived: Commands, fake: FakeHub) -> None:
    fake.says("GET /api/tukar/swaps/", lambda request: request.answer_json(SWAP))
    process = deceived.start("swap", "status", "abab", "--wait")
    wait_for(lambda: len(fake.requests) > 2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, told
    assert "the swap goes on" in told
    assert f"tukar swap status {'ab' * 6}" in told
    assert {method for method, _, _ in fake.requests} == {"GET"}


def test_what_stands_in_the_way_is_told_once(deceived: Commands, fake: FakeHub) -> None:
    looks = []

    def answer(request: Request) -> None:
        looks.append(1)
        more = {"error": "the other hub does not answer"} if 2 <= len(looks) < 5 else {}
        ended = {"state": "published", "open": False, "says": "Done."} if len(looks) > 6 else {}
        request.answer_json(SWAP | more | ended)

    fake.says("GET /api/tukar/swaps/", answer)
    done = deceived("swap", "status", "abab", "--wait")
    assert done.code == 0
    assert done.stderr.count("it does not go on now: the other hub does not answer") == 1
    assert "Done." in done.stdout


@pytest.mark.parametrize("lie", [{"id": 1}, {"give": "x"}, {"total_bytes": -1}, {"into": [{}]}, {"give": [{}]}])
def test_a_hub_whose_answer_makes_no_sense(deceived: Commands, fake: FakeHub, lie: dict[str, object]) -> None:
    fake.says("GET /api/tukar/swaps$", lambda request: request.answer_json([SWAP | lie]))
    done = deceived("swap", "status")
    assert done.code == 1
    assert "makes no sense" in done.stderr
