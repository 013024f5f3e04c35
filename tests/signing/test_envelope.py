"""What was signed comes out of an envelope; anything else is Invalid or a BadSignature, and says why."""

import base64
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tukar.errors import Invalid, Unauthenticated
from tukar.signing import BadSignature, Envelope, Fingerprint, PublicKey, Signature, pae, payload_type, sign, verify
from tukar.signing.envelope import MAX_ENVELOPE, MAX_SIGNATURES
from tukar.signing.statements import MAX_BYTES

from .pairs import pair

OFFER = payload_type("offer")
ONE, TWO, THREE = (pair(number) for number in (1, 2, 3))
BOTH = [ONE.public, TWO.public]
NAMES = [key.fingerprint for key in BOTH]
ENVELOPE = sign(OFFER, b"payload", ONE, TWO)


def opened(envelope: Envelope, *keys: PublicKey) -> bytes:
    return verify(envelope, OFFER, keys, [key.fingerprint for key in keys])


def test_the_type_names_the_kind() -> None:
    assert OFFER == "application/vnd.tukar.offer+json"


@given(st.binary(max_size=50), st.sets(st.integers(0, 5), min_size=1))
def test_what_was_signed_comes_out(payload: bytes, numbers: set[int]) -> None:
    envelope = sign(OFFER, payload, *map(pair, numbers))
    assert Envelope.parse(envelope.encode()) == envelope
    assert opened(envelope, *(pair(number).public for number in numbers)) == payload


def test_more_keys_may_sign_than_must() -> None:
    for required in ([NAMES[0]], [NAMES[1]], NAMES):
        assert verify(ENVELOPE, OFFER, BOTH, required) == b"payload"


def test_the_order_of_signing_does_not_matter() -> None:
    alone = sign(OFFER, b"payload", ONE)
    other = sign(OFFER, b"payload", TWO)
    assert sign(OFFER, b"payload", TWO, ONE).encode() == ENVELOPE.encode()
    assert other.signed_by(ONE) == alone.signed_by(TWO) == ENVELOPE
    assert other.with_signatures(alone) == alone.with_signatures(other) == ENVELOPE


def test_a_signature_that_is_there_is_not_doubled() -> None:
    assert ENVELOPE.signed_by(ONE) == ENVELOPE.with_signatures(ENVELOPE) == ENVELOPE


@pytest.mark.parametrize("other", [sign(OFFER, b"another", TWO), sign(payload_type("x"), b"payload", TWO)])
def test_signatures_of_something_else_are_not_added(other: Envelope) -> None:
    with pytest.raises(Invalid, match="another payload"):
        ENVELOPE.with_signatures(other)


@pytest.mark.parametrize("altered", [replace(ENVELOPE, payload=b"Payload"), replace(ENVELOPE, payload=b"")])
def test_another_payload_is_not_what_was_signed(altered: Envelope) -> None:
    with pytest.raises(BadSignature, match="altered"):
        opened(altered, *BOTH)


def test_another_type_is_invalid_and_claiming_it_is_a_bad_signature() -> None:
    receipt = payload_type("receipt")
    with pytest.raises(Invalid, match=r"tukar\.offer\+json', not 'application/vnd\.tukar\.receipt"):
        verify(ENVELOPE, receipt, BOTH, NAMES)
    with pytest.raises(BadSignature, match="altered"):
        verify(replace(ENVELOPE, payload_type=receipt), receipt, BOTH, NAMES)


def test_a_missing_signature_is_named() -> None:
    with pytest.raises(BadSignature, match=f"{TWO.public.fingerprint.grouped} is missing"):
        opened(sign(OFFER, b"payload", ONE), *BOTH)


def test_a_signer_whose_key_is_not_given_is_missing() -> None:
    with pytest.raises(BadSignature, match="may not sign"):
        verify(ENVELOPE, OFFER, [ONE.public], NAMES)
    with pytest.raises(BadSignature, match="is missing"):
        verify(sign(OFFER, b"payload", ONE), OFFER, [ONE.public], NAMES)


def test_a_signature_by_a_stranger_is_refused_even_if_it_is_not_needed() -> None:
    with pytest.raises(BadSignature, match=f"may not sign this: {THREE.public.fingerprint.grouped}"):
        opened(ENVELOPE.signed_by(THREE), *BOTH)


def test_a_bad_signature_is_refused_even_if_it_is_not_needed() -> None:
    bad = Signature(TWO.public.fingerprint, bytes(64))
    envelope = replace(sign(OFFER, b"payload", ONE), signatures=(*sign(OFFER, b"payload", ONE).signatures, bad))
    with pytest.raises(BadSignature, match=TWO.public.fingerprint.grouped):
        verify(envelope, OFFER, BOTH, NAMES[:1])


def test_a_keyid_does_not_make_a_signer() -> None:
    claimed = Signature(TWO.public.fingerprint, ONE.sign(pae(OFFER, b"payload")))
    with pytest.raises(BadSignature, match="by another key"):
        verify(Envelope(OFFER, b"payload", (claimed,)), OFFER, BOTH, [TWO.public.fingerprint])


def test_one_key_does_not_sign_twice() -> None:
    first = Signature(ONE.public.fingerprint, ONE.sign(pae(OFFER, b"payload")))
    with pytest.raises(Invalid, match="two signatures with one keyid"):
        Envelope(OFFER, b"payload", (first, first))
    with pytest.raises(Invalid, match="two signatures with one keyid"):
        Envelope(OFFER, b"payload", (Signature(first.keyid, bytes(64)),)).signed_by(ONE)


def test_nothing_is_verified_for_nobody() -> None:
    with pytest.raises(Invalid, match="at least one signer"):
        verify(ENVELOPE, OFFER, BOTH, [])


def test_a_bad_signature_is_an_error_of_who_asks() -> None:
    assert issubclass(BadSignature, Unauthenticated)


def test_the_encoded_form_is_dsse_s() -> None:
    envelope = json.loads(ENVELOPE.encode())
    assert envelope == {
        "payload": base64.b64encode(b"payload").decode(),
        "payloadType": OFFER,
        "signatures": [
            {"keyid": str(key.public.fingerprint), "sig": base64.b64encode(key.sign(pae(OFFER, b"payload"))).decode()}
            for key in sorted((ONE, TWO), key=lambda key: key.public.fingerprint)
        ],
    }


def written(**members: object) -> bytes:
    return json.dumps(json.loads(ENVELOPE.encode()) | members).encode()


def entry(**members: object) -> list[object]:
    return [{"keyid": str(NAMES[0]), "sig": "A" * 86 + "=="} | members]


def test_spacing_order_and_unknown_members_do_not_matter() -> None:
    more = {"more": [{"x": 1.5e3, "y": 10**30, "z": None}], **json.loads(ENVELOPE.encode())}
    assert Envelope.parse(json.dumps(more, indent=2).encode()) == ENVELOPE


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"1", b"null", b"{}", b"{", b"\xff", ENVELOPE.encode() + b"x", b"[" * 1000),
        *(written(payloadType=math.inf), written(more=math.nan), written(payloadType=1.5)),
        ENVELOPE.encode().replace(b'"payload":', b'"payload":"","payload":'),
        *(written(payload=wrong) for wrong in (None, 1, [], "a", "ab==c", "YQ", "YQ=", "YR==", "YQ==\n", " YQ==", "é")),
        *(written(payload=wrong) for wrong in ("+_==", "-/-/", "YQ==YQ==", "=", "====", "\ud800")),
        *(written(payloadType=wrong) for wrong in (None, 1, "", "a" * 256, "\ud800", "é" * 128)),
        *(written(signatures=wrong) for wrong in (None, 1, [], {}, "abc", [1], [{}], [[]], entry() * 2, entry() * 17)),
        *(written(signatures=entry(keyid=wrong)) for wrong in (None, 1, "", "A", NAMES[0].grouped, NAMES[0].upper())),
        *(
            written(signatures=entry(sig=wrong))
            for wrong in (None, 1, "", "AA==", "A" * 88, "A" * 86, "A" * 85 + "B==")
        ),
        *(written(signatures=[{name: entry()[0][name]}]) for name in ("keyid", "sig")),  # type: ignore[index]
        written(more=[0] * 2000),
    ],
    ids=lambda data: repr(data[:80]),
)
def test_what_is_no_envelope_is_invalid(data: bytes) -> None:
    with pytest.raises(Invalid):
        Envelope.parse(data)


def test_an_envelope_that_is_too_large_is_not_read() -> None:
    with pytest.raises(Invalid, match=f"at most {MAX_ENVELOPE} bytes"):
        Envelope.parse(ENVELOPE.encode() + b" " * MAX_ENVELOPE)


def test_the_largest_payload_fits_and_a_larger_one_is_invalid() -> None:
    largest = Envelope("\1" * 255, bytes(MAX_BYTES), tuple(_signatures(MAX_SIGNATURES)))
    assert Envelope.parse(largest.encode()) == largest
    with pytest.raises(Invalid, match=f"at most {MAX_BYTES} bytes"):
        replace(largest, payload=bytes(MAX_BYTES + 1))


@pytest.mark.parametrize("count", [0, MAX_SIGNATURES + 1])
def test_no_signature_and_too_many_are_invalid(count: int) -> None:
    with pytest.raises(Invalid, match=f"1 to 16 signatures, not {count}"):
        Envelope(OFFER, b"", tuple(_signatures(count)))


def _signatures(count: int) -> list[Signature]:
    return [Signature(pair(number).public.fingerprint, bytes(64)) for number in range(count)]


@settings(max_examples=300)
@given(st.data())
def test_an_altered_envelope_is_the_same_or_refused(data: st.DataObject) -> None:
    altered = bytearray(ENVELOPE.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 127))
    try:
        payload = opened(Envelope.parse(bytes(altered)), *BOTH)
    except (Invalid, BadSignature):
        return
    assert payload == b"payload"


def test_two_keys_of_one_fingerprint_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fingerprint, "of", classmethod(lambda cls, raw: cls("a" * 32)))
    with pytest.raises(Invalid, match="two keys have the fingerprint"):
        verify(ENVELOPE, OFFER, BOTH, ["a" * 32])  # type: ignore[list-item]
