"""Receipts on the command line: verified without any hub; listed and saved from one that is not trusted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tukar.cli import main
from tukar.exchange.offers import RECEIPT
from tukar.signing import Envelope, SigningKey, sign
from tukar.signing.envelope import MAX_ENVELOPE
from tukar.testing.receipts import made_payload, made_receipt

from .fake import FakeHub
from .files import write
from .hub import Commands

O, A, N = (SigningKey.generate() for _ in range(3))  # noqa: E741 - as in the design; N follows O
CHILD = {"README.md": b"# Child", "deep/model.safetensors": b"tuned" * 1000}
RECEIPT_FILE = "r.receipt.json"


def the_receipt(number: int = 0) -> Envelope:
    give = {"acme/base": {"README.md": b"%d" % number}}
    return made_receipt(O, A, give, {"beta/child": CHILD}, note="a word\x1b[31m", request="ab" * 32)


@pytest.fixture
def offline(tmp_path: Path) -> Commands:
    """Commands where no hub is, and a receipt."""
    (tmp_path / RECEIPT_FILE).write_bytes(the_receipt().encode())
    return Commands("http://127.0.0.1:9", tmp_path)


def test_verify_says_who_handed_what_to_whom(offline: Commands) -> None:
    done = offline("receipt", "verify", offline.home / RECEIPT_FILE)
    assert done.code == 0
    for told in (
        O.public.fingerprint.grouped,
        A.public.fingerprint.grouped,
        "acme/base",
        "beta/child",
        "c" * 40,
        "apache-2.0",
        "ab" * 32,
        "5.01 kB",
        "Both signatures are good",
        "Both fingerprints are the receipt's own word",
    ):
        assert told in done.stdout
    assert "\x1b" not in done.stdout


def test_verify_as_a_document(offline: Commands) -> None:
    known = ("--offerer", O.public.fingerprint.grouped)
    (found,) = offline.json("receipt", "verify", offline.home / RECEIPT_FILE, *known)
    assert (found["file"], found["good"], found["signers"]) == (str(offline.home / RECEIPT_FILE), True, None)
    assert (found["offerer"], found["acceptor"]) == (O.public.fingerprint, A.public.fingerprint)
    assert (found["known"], found["folder"], found["offered"]) == (["offerer"], None, "2026-01-01T00:00:00Z")
    (item,) = found["from_acceptor"]
    assert (item["repository"], item["files"], item["size"], item["licence"]) == ("beta/child", 2, 5007, "apache-2.0")


def test_verify_reads_standard_input() -> None:
    done = CliRunner().invoke(main, ["receipt", "verify", "-", "--json"], input=the_receipt().encode())
    assert done.exit_code == 0
    assert json.loads(done.stdout)[0]["swap"] == json.loads(the_receipt().payload)["swap"]


def test_verify_knows_whom_to_trust_from_the_options_alone(offline: Commands) -> None:
    receipt = offline.home / RECEIPT_FILE
    offerer, acceptor = O.public.fingerprint.grouped.upper(), str(A.public.fingerprint)
    one = offline("receipt", "verify", receipt, "--acceptor", acceptor)
    assert "The offerer's fingerprint is the receipt's own word" in one.stdout
    assert "--offerer" in one.stdout
    both = offline("receipt", "verify", receipt, "--offerer", offerer, "--acceptor", acceptor)
    assert "Both fingerprints are those that you gave" in both.stdout
    swapped = offline("receipt", "verify", receipt, "--offerer", acceptor)
    assert swapped.code == 1
    assert f"the offerer signed with the key {O.public.fingerprint.grouped}, not with" in swapped.stderr
    assert offline("receipt", "verify", receipt, "--offerer", "nonsense").code == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "an envelope is JSON"),
        (b"[]", "an envelope lacks"),
        (b"{" + b" " * MAX_ENVELOPE, "at most"),
        (sign(RECEIPT, the_receipt().payload, O).encode(), "is missing"),
        (sign("application/vnd.tukar.offer+json", b"{}", O).encode(), "not a receipt"),
        (sign(RECEIPT, the_receipt().payload, O, A, SigningKey.generate()).encode(), "a key that may not sign this"),
    ],
    ids=["nothing", "a list", "huge", "one signature", "an offer", "three signatures"],
)
def test_verify_refuses_what_is_no_receipt(offline: Commands, content: bytes, told: str) -> None:
    (offline.home / "bad").write_bytes(content)
    done = offline("receipt", "verify", offline.home / "bad", "--json")
    assert done.code == 1
    (found,) = done.document
    assert not found["good"]
    assert told in found["error"]


def test_several_at_once(offline: Commands) -> None:
    (offline.home / "bad").write_bytes(sign(RECEIPT, the_receipt().payload, O).encode())
    (offline.home / "other").write_bytes(the_receipt(1).encode())
    good = [offline.home / RECEIPT_FILE, offline.home / "other"]
    all_good = offline("receipt", "verify", *good)
    assert all_good.code == 0
    assert "2 of 2 are good" in all_good.stdout
    one_bad = offline("receipt", "verify", good[0], offline.home / "bad", good[1])
    assert one_bad.code == 1
    assert "is missing" in one_bad.stdout
    assert f"2 of 3 are good; not good: {offline.home / 'bad'}" in one_bad.stdout
    listed = offline("receipt", "verify", good[0], offline.home / "bad", "--json")
    assert (listed.code, [each["good"] for each in listed.document]) == (1, [True, False])
    assert offline("receipt", "verify", good[0], offline.home / "absent").code == 2


# Whose the keys are


@pytest.fixture
def at_home(offline: Commands, fake: FakeHub) -> Commands:
    """One's own hub has the acceptor's key, and the peer rumah had the offerer's."""
    rumah = {"name": "rumah", "url": "http://far.test", "state": "trusted", "added": "2026-01-01T00:00:00.000Z"}
    keys = {"fingerprint": N.public.fingerprint.grouped, "earlier": [O.public.fingerprint.grouped]}
    own = {"fingerprint": A.public.fingerprint.grouped, "since": "2026-01-01T00:00:00.000Z", "earlier": []}
    fake.says("GET /api/tukar/peers", lambda r: r.answer_json([rumah | keys]))
    fake.says("GET /api/tukar/identity/keys", lambda r: r.answer_json(own))
    return offline.at(fake.url)


def test_an_earlier_key_of_a_peer(at_home: Commands) -> None:
    receipt = at_home.home / RECEIPT_FILE
    told = at_home("receipt", "verify", receipt, "--peers").stdout
    assert "The offerer's key is an earlier key of the peer rumah: it has another one by now." in told
    assert "The acceptor's key is that of this hub." in told
    assert "own word" not in told
    newest = ("--offerer", N.public.fingerprint.grouped)
    assert at_home("receipt", "verify", receipt, *newest).code == 1
    (found,) = at_home.json("receipt", "verify", receipt, "--peers", *newest)
    assert found["signers"] == {
        "offerer": {"peer": "rumah", "earlier": True},
        "acceptor": {"peer": None, "earlier": False},
    }


def test_a_key_that_is_not_known_here(at_home: Commands) -> None:
    stranger = SigningKey.generate()
    receipt = made_receipt(stranger, A, {"acme/base": {"README.md": b"x"}}, {})
    (at_home.home / "strange").write_bytes(receipt.encode())
    done = at_home("receipt", "verify", at_home.home / "strange", "--peers")
    assert done.code == 0
    assert "The offerer's key is not known here: no peer has it, or had it before." in done.stdout
    assert "The offerer's fingerprint is the receipt's own word" in done.stdout


def test_a_time_that_is_none_is_shown_as_it_is(offline: Commands) -> None:
    payload = made_payload(O, A, {"acme/base": {"a": b""}}, made_at=2**52)
    (offline.home / "far").write_bytes(sign(RECEIPT, payload, O, A).encode())
    assert str(2**52) in offline("receipt", "verify", offline.home / "far").stdout


def test_verify_compares_a_folder(offline: Commands) -> None:
    folder = write(offline.home / "child", CHILD)
    same = offline("receipt", "verify", offline.home / RECEIPT_FILE, "--folder", folder)
    assert same.code == 0
    assert f"{folder} has all 2 files of beta/child, byte for byte" in same.stdout
    (folder / "deep/model.safetensors").write_bytes(b"other")
    other = offline("receipt", "verify", offline.home / RECEIPT_FILE, "--folder", folder)
    assert other.code == 1
    assert "different: deep/model.safetensors" in other.stdout
    (folder / "deep/model.safetensors").unlink()
    found = offline("receipt", "verify", offline.home / RECEIPT_FILE, "--folder", folder, "--json")
    assert found.code == 1
    assert found.document[0]["folder"] == {
        "repository": "beta/child",
        "same": False,
        "missing": ["deep/model.safetensors"],
        "different": [],
    }


@pytest.fixture
def hub(fake: FakeHub) -> FakeHub:
    """A hub that has two receipts of a model."""
    values = [the_receipt(number).value() for number in (1, 2)]
    fake.says("GET /api/tukar/models/beta/child/receipts", lambda r: r.answer_json(values))
    return fake


def test_the_receipts_of_a_model(offline: Commands, hub: FakeHub) -> None:
    at = offline.at(hub.url)
    listed = at.json("receipt", "list", "beta/child")
    assert [each["from_acceptor"][0]["repository"] for each in listed] == ["beta/child"] * 2
    told = at("receipt", "list", "beta/child").stdout
    assert listed[0]["swap"][:12] in told
    shown = at.json("receipt", "show", "beta/child")
    assert [Envelope.read(each["envelope"]) for each in shown] == [the_receipt(1), the_receipt(2)]
    assert at("receipt", "show", "beta/child").stdout.count("beta/child") == 2


def test_a_receipt_that_was_saved_can_be_verified(offline: Commands, hub: FakeHub, tmp_path: Path) -> None:
    at, folder = offline.at(hub.url), tmp_path / "some" / "receipts"
    shown = at.json("receipt", "show", "beta/child", "--save", folder)
    assert [each["saved"] for each in shown] == [str(folder / f"{each['swap'][:12]}.receipt.json") for each in shown]
    for each in shown:
        assert offline.json("receipt", "verify", each["saved"])[0]["swap"] == each["swap"]
    assert at("receipt", "show", "beta/child", "--save", folder).code == 0
    Path(shown[0]["saved"]).write_bytes(b"mine")
    again = at("receipt", "show", "beta/child", "--save", folder)
    assert again.code == 1
    assert "is there already" in again.stderr
    assert Path(shown[0]["saved"]).read_bytes() == b"mine"


@pytest.mark.parametrize("command", ["list", "show"])
@pytest.mark.parametrize("value", [{}, [{}], [sign(RECEIPT, the_receipt().payload, O).value()]])
def test_a_hub_that_lies_about_receipts(offline: Commands, fake: FakeHub, command: str, value: object) -> None:
    fake.says("GET /api/tukar/models/beta/child/receipts", lambda r: r.answer_json(value))
    assert offline.at(fake.url)("receipt", command, "beta/child").code == 1


def test_a_model_without_receipts(offline: Commands, fake: FakeHub) -> None:
    fake.says("GET /api/tukar/datasets/beta/d/receipts", lambda r: r.answer_json([]))
    at = offline.at(fake.url)
    assert "no receipt speaks of beta/d" in at("receipt", "show", "beta/d", "--type", "dataset").stdout
    assert at.json("receipt", "list", "beta/d", "--type", "dataset") == []
