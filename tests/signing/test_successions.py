"""Who knows an old key is led to the current one, along one unbroken line that the keys themselves have signed."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.signing import (
    BadSignature,
    Envelope,
    Fingerprint,
    IdentityDocument,
    Succession,
    Value,
    encode,
    follow,
    payload_type,
    sign,
)
from tukar.signing.successions import MAX_DOCUMENT, MAX_SUCCESSIONS, SUCCESSION

from .pairs import pair


def step(old: int, new: int, at: int = 0) -> Succession:
    return Succession.of(pair(old), pair(new), at)


def name(number: int) -> Fingerprint:
    return pair(number).public.fingerprint


def line(*numbers: int) -> IdentityDocument:
    document = IdentityDocument(pair(numbers[0]).public)
    for at, (old, new) in enumerate(pairwise(numbers)):
        document = document.succeeded(pair(old), pair(new), at)
    return document


LINE = line(1, 2, 3)


def test_a_new_hub_has_one_key() -> None:
    document = IdentityDocument(pair(1).public)
    assert IdentityDocument.parse(document.encode()) == document
    assert follow(document, name(1)) == pair(1).public
    assert follow(document, name(2)) is None


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True), st.integers(0, 20))
def test_who_knows_any_key_is_led_to_the_current_one(numbers: list[int], known: int) -> None:
    document = IdentityDocument.parse(line(*numbers).encode())
    assert document.keys == tuple(pair(number).public for number in numbers)
    expected = pair(numbers[-1]).public if known in numbers else None
    assert follow(document, name(known)) == expected


def test_a_succession_says_who_and_when() -> None:
    read = Succession.read(step(1, 2, 1_700_000_000).envelope)
    assert (read.old, read.new, read.at) == (pair(1).public, pair(2).public, 1_700_000_000)


def test_who_followed_further_is_not_led_back_nor_aside() -> None:
    assert follow(line(1, 2), name(3)) is None  # the document is out of date
    assert follow(line(1, 4), name(2)) is None  # somebody has the key 1


def statement(old: str, new: str, at: Value = 0) -> bytes:
    return encode({"at": at, "new": new, "old": old})


@pytest.mark.parametrize("signers", [(1,), (2,), (1, 3), (1, 2, 3)])
def test_both_keys_sign_and_nobody_else(signers: tuple[int, ...]) -> None:
    payload = statement(str(pair(1).public), str(pair(2).public))
    with pytest.raises(BadSignature):
        Succession.read(sign(SUCCESSION, payload, *map(pair, signers)))


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"{}", b"[]", statement("", ""), statement(str(pair(1).public), name(2))),
        *(statement(str(pair(1).public), str(pair(2).public), at) for at in (-1, "0", None)),
        encode({"at": 0, "new": str(pair(2).public), "old": str(pair(1).public), "more": 1}),
        statement(str(pair(1).public), str(pair(2).public)) + b" ",
    ],
)
def test_another_statement_is_invalid(payload: bytes) -> None:
    with pytest.raises(Invalid):
        Succession.read(sign(SUCCESSION, payload, pair(1), pair(2)))


def test_a_statement_of_another_kind_is_no_succession() -> None:
    envelope = sign(payload_type("offer"), step(1, 2).envelope.payload, pair(1), pair(2))
    with pytest.raises(Invalid, match="not 'application/vnd"):
        Succession.read(envelope)


def test_a_succession_is_what_its_envelope_says() -> None:
    other = replace(step(1, 2).envelope, payload=statement(str(pair(2).public), str(pair(1).public)))
    with pytest.raises(BadSignature):
        replace(step(1, 2), envelope=other)
    with pytest.raises(Invalid, match="other keys or another time"):
        replace(step(1, 2), at=1)
    with pytest.raises(Invalid, match="other keys or another time"):
        Succession(pair(2).public, pair(1).public, 0, step(1, 2).envelope)


def test_a_key_does_not_follow_itself() -> None:
    key = str(pair(1).public)
    with pytest.raises(Invalid, match="follow itself"):
        Succession.read(sign(SUCCESSION, statement(key, key), pair(1)))
    with pytest.raises(Invalid):
        step(1, 1)


@pytest.mark.parametrize(
    ("current", "steps", "reason"),
    [
        (4, [(1, 2), (3, 4)], "no succession leads on"),
        (3, [(2, 3), (1, 2)], "no succession leads on"),
        (3, [(1, 2), (1, 3)], "no succession leads on"),  # a fork
        (3, [(1, 2)], "no succession leads to the current key"),
        (1, [(1, 2), (2, 1)], "occurs twice"),
        (2, [(1, 2), (2, 3), (3, 2)], "occurs twice"),
        (4, [(1, 2), (2, 3), (3, 1), (1, 4)], "occurs twice"),  # a fork and a cycle
        (2, [(1, 2), (1, 2)], "no succession leads on"),
    ],
)
def test_what_is_no_unbroken_line_is_invalid(current: int, steps: list[tuple[int, int]], reason: str) -> None:
    successions = [step(old, new) for old, new in steps]
    with pytest.raises(Invalid, match=reason):
        IdentityDocument(pair(current).public, tuple(successions))
    envelopes: list[Value] = [each.envelope.value() for each in successions]
    with pytest.raises(Invalid, match=reason):
        IdentityDocument.parse(encode({"key": str(pair(current).public), "successions": envelopes}))


def test_only_the_current_key_is_succeeded_and_never_by_an_older_one() -> None:
    with pytest.raises(Invalid, match="no succession leads on"):
        LINE.succeeded(pair(2), pair(4), 0)
    with pytest.raises(Invalid, match="occurs twice"):
        LINE.succeeded(pair(3), pair(1), 0)


def test_the_longest_line_fits_and_a_longer_one_is_invalid() -> None:
    steps = tuple(step(number, number + 1, 2**33) for number in range(MAX_SUCCESSIONS + 1))
    longest = IdentityDocument(pair(MAX_SUCCESSIONS).public, steps[:-1])
    data = longest.encode()
    assert len(data) < MAX_DOCUMENT
    assert IdentityDocument.parse(data) == longest
    with pytest.raises(Invalid, match="at most 1000 successions"):
        longest.succeeded(pair(MAX_SUCCESSIONS), pair(MAX_SUCCESSIONS + 1), 0)
    envelopes: list[Value] = [each.envelope.value() for each in steps]
    with pytest.raises(Invalid, match="a list of at most 1000"):
        IdentityDocument.parse(encode({"key": str(steps[-1].new), "successions": envelopes}))


def test_a_document_that_is_too_large_is_not_read() -> None:
    with pytest.raises(Invalid, match=f"at most {MAX_DOCUMENT} bytes"):
        IdentityDocument.parse(b"[" * (MAX_DOCUMENT + 1))


@settings(max_examples=300)
@given(st.data())
def test_an_altered_document_is_refused(data: st.DataObject) -> None:
    altered = bytearray(LINE.encode())
    position = data.draw(st.integers(0, len(altered) - 1))
    altered[position] ^= data.draw(st.integers(1, 127))
    with pytest.raises((Invalid, BadSignature)):
        IdentityDocument.parse(bytes(altered))


def test_a_document_has_one_form() -> None:
    document = json.loads(LINE.encode())
    document["successions"][0]["more"] = 1
    with pytest.raises(Invalid, match="one form"):
        IdentityDocument.parse(encode(document))
    with pytest.raises(Invalid, match="one form"):
        IdentityDocument.parse(json.dumps(json.loads(LINE.encode())).encode())


@pytest.mark.parametrize("wrong", [{}, [], {"key": str(pair(1).public)}, {"key": "", "successions": []}])
def test_what_is_no_document_is_invalid(wrong: Value) -> None:
    with pytest.raises(Invalid):
        IdentityDocument.parse(encode(wrong))


def test_a_step_cannot_be_taken_out() -> None:
    document = line(1, 2, 3, 4)
    first, _, last = document.successions
    with pytest.raises(Invalid, match="no succession leads on"):
        replace(document, successions=(first, last))
    assert follow(replace(document, successions=(last,)), name(1)) is None


def test_an_envelope_with_one_signature_swapped_is_refused() -> None:
    envelope = step(1, 2).envelope
    foreign = step(1, 3).envelope.signatures
    mixed = Envelope(
        SUCCESSION,
        envelope.payload,
        tuple(next((each for each in foreign if each.keyid == own.keyid), own) for own in envelope.signatures),
    )
    assert mixed != envelope
    with pytest.raises(BadSignature, match=name(1).grouped):
        Succession.read(mixed)
