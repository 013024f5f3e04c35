"""What is signed is DSSE's: the vectors of its repository (protocol.md, testvectors/)."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from tukar.signing import Envelope, PublicKey, pae, sign, verify

from .pairs import from_seed
from .vectors import RFC_8032

SEED = bytes.fromhex(RFC_8032[0].seed)
KEY = PublicKey.parse(RFC_8032[0].key)
IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ=="


def test_the_encoding_of_the_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae(" ", b" \0\xff\n") == b"DSSEv1 1   4  \0\xff\n"


def test_the_signature_of_the_specification_is_over_the_encoding() -> None:
    numbers = ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    )
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    message = pae("http://example.com/HelloWorld", b"hello world")
    numbers.public_key().verify(signature, message, ec.ECDSA(SHA256()))  # raises if it does not fit


@pytest.mark.parametrize(
    ("type_", "payload", "signature"),
    [
        (
            IN_TOTO,
            STATEMENT,
            "2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA==",
        ),
        (
            IN_TOTO,
            "-_-_Pj8=",
            "P-_KHICeR7tI6S_YyejJTRtrXhcQyQ2LYPaL8h90KjC9qN8HU_svOQ6TuDOT1HIrsGW886DbWNWcCmX5twLrAw==",
        ),
        (
            "application/vnd.exämple+json",
            STATEMENT,
            "xmSk/ug66ysT7ayhkCIjhAq42zgZXSsEWuzUaNL7w2eGAdF/NU6/fRXPtmfN+5DNSAs5/i2lUnHjbbjPsu0tAw==",
        ),
        (IN_TOTO, "", "gSggCAaTLTYyRH6FIDBem6meyIynsYy8RTHVzwx9tnTb7Bg/1jMWnuVgI/gffqmbsC2VX5/jHfkkDqsj7CDbDg=="),
    ],
    ids=["standard base64", "URL-safe base64", "a type beyond ASCII", "no payload"],
)
def test_envelopes_of_the_vectors(type_: str, payload: str, signature: str) -> None:
    entries = [{"keyid": KEY.fingerprint, "sig": signature}]
    envelope = Envelope.read({"payloadType": type_, "payload": payload, "signatures": entries})
    assert verify(envelope, type_, [KEY], [KEY.fingerprint]) == envelope.payload
    assert sign(type_, envelope.payload, from_seed(SEED)) == envelope


TEXTS = st.text("a 1é", max_size=6)
PAYLOADS = st.text("a 1é", max_size=6).map(str.encode)


@given(TEXTS, PAYLOADS, TEXTS, PAYLOADS)
def test_what_differs_is_encoded_differently(type_1: str, payload_1: bytes, type_2: str, payload_2: bytes) -> None:
    assert (pae(type_1, payload_1) == pae(type_2, payload_2)) == ((type_1, payload_1) == (type_2, payload_2))
