"""Operators of two hubs exchange fingerprints, and change their minds."""

import os
import pty
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .hub import DEADLINE, Commands, HubProcess, Ran

STRANGER = "aaaa-" * 7 + "aaaa"


@dataclass
class Operator:
    """Who runs a hub of their own, up or down."""

    commands: Commands
    arguments: list[object] = field(default_factory=list)

    def json(self, *arguments: object) -> Any:
        return self.commands.json(*arguments, *self.arguments)

    def run(self, *arguments: object) -> Ran:
        return self.commands(*arguments, *self.arguments)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    hub = HubProcess(tmp_path_factory.mktemp("other") / "data").start()
    yield hub
    assert hub.stop() == 0


@pytest.fixture
def theirs(other: HubProcess, tukar: Commands) -> Operator:
    """The operator of the other hub, which is up; whatever its key is by now."""
    return Operator(tukar.at(other.url))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a hub that is down."""
    hub = HubProcess(tmp_path_factory.mktemp("down") / "data").start()
    hub.stop()
    return hub.data


@pytest.fixture(params=["running", "down"])
def ours(request: pytest.FixtureRequest, folder: Path, tukar: Commands) -> Operator:
    """The operator of a hub without peers, running or down."""
    is_down = request.param == "down"
    operator = Operator(tukar.at("http://127.0.0.1:9"), ["--data", folder]) if is_down else Operator(tukar)
    for peer in operator.json("peer", "list"):
        operator.json("peer", "remove", peer["name"])
    return operator


def address(theirs: Operator) -> str:
    return theirs.commands.url


def fingerprint(theirs: Operator) -> str:
    return str(theirs.json("identity")["fingerprint"])


def test_a_peer_comes_and_goes(ours: Operator, theirs: Operator) -> None:
    told = fingerprint(theirs)
    added = ours.json("peer", "add", address(theirs), "--fingerprint", told.upper().replace("-", " "), "--name", "acme")
    assert added == {
        "name": "acme",
        "url": address(theirs),
        "fingerprint": told,
        "state": "trusted",
        "added": added["added"],
    }
    assert ours.json("peer", "list") == [added | {"earlier": []}]
    assert told in ours.run("peer", "list").stdout
    assert ours.json("peer", "revoke", "acme") == added | {"state": "revoked"}
    assert "revoked" in ours.run("peer", "list").stdout
    assert ours.json("peer", "remove", "acme") == {"name": "acme", "removed": True}
    assert ours.json("peer", "list") == []
    assert "there is no peer 'acme'" in ours.run("peer", "revoke", "acme").stderr


def test_another_fingerprint_than_the_one_told(ours: Operator, theirs: Operator) -> None:
    done = ours.run("peer", "add", address(theirs), "--fingerprint", STRANGER)
    assert done.code == 1
    assert f"has the key {fingerprint(theirs)}, not {STRANGER}" in done.stderr
    assert ours.json("peer", "list") == []


def test_a_new_key_is_followed(ours: Operator, theirs: Operator) -> None:
    ours.json("peer", "add", address(theirs), "--fingerprint", fingerprint(theirs), "--name", "acme")
    before = theirs.json("identity", "show")
    after = theirs.json("identity", "rotate")
    assert after["fingerprint"] != before["fingerprint"]
    assert [key["fingerprint"] for key in after["earlier"]][-1] == before["fingerprint"]
    assert len(after["earlier"]) == len(before["earlier"]) + 1
    assert ours.json("peer", "refresh", "acme")["fingerprint"] == after["fingerprint"]
    assert ours.json("peer", "list")[0]["fingerprint"] == after["fingerprint"]


def test_one_s_own_identity(ours: Operator) -> None:
    shown = ours.json("identity")
    first, since = ours.run("identity").stdout.splitlines()
    assert first == shown["fingerprint"]
    assert since.endswith(f"{len(shown['earlier'])} earlier key{'' if len(shown['earlier']) == 1 else 's'}")
    rotated = ours.run("identity", "rotate")
    assert rotated.stdout.splitlines()[0] == ours.json("identity")["fingerprint"] != shown["fingerprint"]
    assert "peers follow by themselves" in rotated.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_nothing_is_trusted_without_anybody_to_ask(ours: Operator, theirs: Operator, options: list[str]) -> None:
    done = ours.run("peer", "add", address(theirs), *options)
    assert done.code == 2
    assert "--fingerprint" in (done.document["error"] if options else done.stderr)
    assert ours.json("peer", "list") == []


def test_yes_trusts_what_is_shown_and_says_what_that_was(ours: Operator, theirs: Operator) -> None:
    done = ours.run("peer", "add", address(theirs), "--yes", "--name", "acme")
    assert done.code == 0
    assert fingerprint(theirs) in done.stderr
    assert [peer["fingerprint"] for peer in ours.json("peer", "list")] == [fingerprint(theirs)]


@pytest.mark.parametrize("ours", ["running"], indirect=True)
@pytest.mark.parametrize(("answer", "trusted"), [("y", True), ("n", False), ("", False), ("\x04", False)])
def test_on_a_terminal_one_is_asked(ours: Operator, theirs: Operator, answer: str, trusted: bool) -> None:
    told, code = on_terminal(ours.commands, answer, "peer", "add", address(theirs), "--name", "acme")
    assert code == (0 if trusted else 1)
    assert fingerprint(theirs) in told
    assert "Is that what its operator told you" in told
    assert [peer["name"] for peer in ours.json("peer", "list")] == (["acme"] if trusted else [])


def on_terminal(commands: Commands, answer: str, *arguments: object) -> tuple[str, int]:
    """What the command says to somebody at a terminal who types this; and its exit code."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    started = commands.start(*arguments, stdin=theirs)
    os.close(theirs)
    told, error = started.communicate(timeout=DEADLINE)
    os.close(ours)
    return told + error, started.returncode


def test_a_person_who_may_not(tukar: Commands, theirs: Operator) -> None:
    anybody = theirs.commands.as_(None)
    for arguments in (
        ["peer", "list"],
        ["identity"],
        ["identity", "rotate"],
        ["peer", "add", address(theirs), "--yes"],
    ):
        assert anybody(*arguments).code == 1
