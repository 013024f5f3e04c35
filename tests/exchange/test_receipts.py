"""A receipt is taken for what it says only if both hubs signed exactly that; and a folder is compared with it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid, TukarError
from tukar.exchange import receipts
from tukar.exchange.offers import OFFER, RECEIPT, Receipt
from tukar.signing import BadSignature, Envelope, SigningKey, encode, sign
from tukar.signing.envelope import MAX_ENVELOPE
from tukar.testing.receipts import made_payload, made_receipt

O, A, FOREIGN = (SigningKey.generate() for _ in range(3))  # noqa: E741 - as in the design
BASE = {"README.md": b"# Base", "model.safetensors": b"weights"}
CHILD = {"README.md": b"# Child", "deep/model.safetensors": b"tuned", "config.json": b"{}"}


def the_receipt(**more: str) -> Envelope:
    return made_receipt(O, A, {"acme/base": BASE}, {"beta/child": CHILD}, **more)


def payload(**changes: object) -> bytes:
    value = json.loads(the_receipt().payload)
    return encode(value | changes)


def test_a_good_receipt_says_what_was_handed_over() -> None:
    found = receipts.verify(the_receipt(note="thanks", request="ab" * 32))
    assert (found.offerer, found.acceptor) == (O.public, A.public)
    assert [str(item.repository) for item in found.from_offerer] == ["acme/base"]
    assert [file.path for file in found.from_acceptor[0].files] == sorted(CHILD)
    assert (found.note, found.request) == ("thanks", "ab" * 32)


def test_the_bytes_of_the_receipt_are_read_as_they_were_written() -> None:
    envelope = the_receipt()
    assert receipts.verify(Envelope.parse(envelope.encode())) == receipts.verify(envelope)


HOSTILE = {
    "signed by the offerer alone": sign(RECEIPT, payload(), O),
    "signed by the acceptor alone": sign(RECEIPT, payload(), A),
    "signed by a stranger too": sign(RECEIPT, payload(), O, A, FOREIGN),
    "signed by a stranger for the acceptor": sign(RECEIPT, payload(), O, FOREIGN),
    "the payload altered afterwards": replace(the_receipt(), payload=payload(note="a lie")),
    "the roles exchanged afterwards": replace(
        the_receipt(), payload=payload(offerer=str(A.public), acceptor=str(O.public))
    ),
    "the items exchanged afterwards": replace(the_receipt(), payload=payload(from_acceptor=[])),
    "another hub named afterwards": replace(the_receipt(), payload=payload(acceptor=str(FOREIGN.public))),
    "the same bytes signed as an offer": sign(OFFER, payload(), O, A),
    "an offer's signatures on a receipt": replace(sign(OFFER, payload(), O, A), payload_type=RECEIPT),
    "one hub in both roles": sign(RECEIPT, payload(acceptor=str(O.public)), O),
    "no receipt inside": sign(RECEIPT, encode({"swap": "ab" * 32}), O, A),
    "a field too many": sign(RECEIPT, payload(more=1), O, A),
    "not canonical": sign(RECEIPT, payload() + b" ", O, A),
    "a key that is no point": sign(RECEIPT, payload(offerer="00" * 32), O, A),
    "a path that leads out": sign(RECEIPT, made_payload(O, A, {"acme/base": {"../../etc/passwd": b""}}), O, A),
    "a path from the root": sign(RECEIPT, made_payload(O, A, {"acme/base": {"/etc/passwd": b""}}), O, A),
}


@pytest.mark.parametrize("envelope", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_receipt_of_both_is_refused(envelope: Envelope) -> None:
    with pytest.raises((Invalid, BadSignature)):
        receipts.verify(envelope)


def test_the_error_says_which_signature_is_missing() -> None:
    with pytest.raises(BadSignature, match=A.public.fingerprint.grouped):
        receipts.verify(sign(RECEIPT, payload(), O))


def test_a_huge_receipt_is_refused_before_it_is_read() -> None:
    with pytest.raises(Invalid, match="at most"):
        Envelope.parse(b"{" + b" " * MAX_ENVELOPE)


@given(st.integers(0, 5000), st.integers(0, 255))
def test_no_byte_of_it_can_be_changed(at: int, byte: int) -> None:
    good = the_receipt()
    data = bytearray(good.encode())
    data[at % len(data)] = byte
    try:
        changed = receipts.verify(Envelope.parse(bytes(data)))
    except TukarError:
        return
    assert changed == receipts.verify(good)


@pytest.mark.parametrize(
    ("offerer", "acceptor", "told"),
    [
        (FOREIGN, None, "the offerer signed with the key"),
        (O, FOREIGN, "the acceptor signed with the key"),
        (A, O, "offerer"),
    ],
)
def test_other_hubs_than_those_that_are_known(
    offerer: SigningKey | None, acceptor: SigningKey | None, told: str
) -> None:
    known = [None if key is None else key.public.fingerprint for key in (offerer, acceptor)]
    with pytest.raises(BadSignature, match=told):
        receipts.check_signers(receipts.verify(the_receipt()), *known)


def test_the_hubs_that_are_known() -> None:
    found = receipts.verify(the_receipt())
    receipts.check_signers(found, O.public.fingerprint, A.public.fingerprint)
    receipts.check_signers(found, None, A.public.fingerprint)


# Folders


@pytest.fixture
def found() -> Receipt:
    return receipts.verify(the_receipt())


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(("name", "files"), [("acme/base", BASE), ("beta/child", CHILD)])
def test_a_folder_is_compared_with_the_model_that_it_is(
    found: Receipt, tmp_path: Path, name: str, files: dict[str, bytes]
) -> None:
    read: list[int] = []
    compared = receipts.check_folder(found, write(tmp_path, {**files, "notes.txt": b"mine"}), read.append)
    assert (str(compared.item.repository), compared.is_same) == (name, True)
    assert sum(read) == receipts.folder_size(found, tmp_path) == sum(map(len, files.values()))


def test_what_is_missing_and_what_is_different(found: Receipt, tmp_path: Path) -> None:
    write(tmp_path, {"README.md": CHILD["README.md"], "config.json": b"[]"})
    compared = receipts.check_folder(found, tmp_path)
    assert str(compared.item.repository) == "beta/child"
    assert (compared.missing, compared.different) == (("deep/model.safetensors",), ("config.json",))
    assert not compared.is_same


def test_an_empty_folder_is_not_the_model(found: Receipt, tmp_path: Path) -> None:
    assert not receipts.check_folder(found, tmp_path).is_same


def test_an_item_without_files_is_no_model_that_every_folder_is(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="names no file"):
        receipts.check_folder(receipts.verify(made_receipt(O, A, {"acme/none": {}})), tmp_path)
    both = receipts.verify(made_receipt(O, A, {"acme/none": {}, "acme/base": BASE}))
    assert not receipts.check_folder(both, tmp_path).is_same


def test_a_pipe_is_not_read(found: Receipt, tmp_path: Path) -> None:
    write(tmp_path, {"model.safetensors": BASE["model.safetensors"]})
    os.mkfifo(tmp_path / "README.md")
    assert receipts.check_folder(found, tmp_path).missing == ("README.md",)
