"""Who signs, who verifies, and what is refused."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.signing import BadSignature, PublicKey, SigningKey
from tukar.signing.points import L, P

from .pairs import from_seed, pair
from .vectors import EDGES, RFC_8032, Edge, Signed


@pytest.mark.parametrize("vector", RFC_8032)
def test_the_vectors_of_rfc_8032(vector: Signed) -> None:
    key = from_seed(bytes.fromhex(vector.seed))
    message, signature = bytes.fromhex(vector.message), bytes.fromhex(vector.signature)
    assert str(key.public) == vector.key
    assert key.sign(message) == signature
    PublicKey.parse(vector.key).verify(message, signature)


@pytest.mark.parametrize("edge", EDGES, ids=[edge.what for edge in EDGES])
def test_the_edges_on_which_libraries_differ(edge: Edge) -> None:
    key, message, signature = (bytes.fromhex(text) for text in edge[1:4])
    assert _taken(lambda: Ed25519PublicKey.from_public_bytes(key).verify(signature, message)) == edge.openssl
    assert _taken(lambda: PublicKey(key).verify(message, signature)) == edge.tukar


def _taken(check: object) -> bool:
    try:
        check()  # type: ignore[operator]
    except (InvalidSignature, BadSignature, Invalid):
        return False
    return True


@given(st.binary(max_size=100), st.integers(0, 511))
def test_a_signature_with_one_bit_changed_is_bad(message: bytes, bit: int) -> None:
    signature = bytearray(pair(1).sign(message))
    pair(1).public.verify(message, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadSignature):
        pair(1).public.verify(message, bytes(signature))


def test_a_scalar_in_another_form_is_bad() -> None:
    signature = pair(1).sign(b"message")
    scalar = int.from_bytes(signature[32:], "little") + L
    with pytest.raises(BadSignature, match="scalar"):
        pair(1).public.verify(b"message", signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize(("point", "reason"), [(P + 3, "another form"), (1, "small order")])
def test_a_point_that_is_no_key_is_none_in_a_signature(point: int, reason: str) -> None:
    with pytest.raises(BadSignature, match=reason):
        pair(1).public.verify(b"message", point.to_bytes(32, "little") + bytes(32))


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_has_64_bytes(length: int) -> None:
    with pytest.raises(BadSignature, match=f"{length} bytes"):
        pair(1).public.verify(b"", bytes(length))


def test_another_key_or_message_is_bad() -> None:
    signature = pair(1).sign(b"message")
    for key, message in [(pair(2), b"message"), (pair(1), b"massage")]:
        with pytest.raises(BadSignature, match=key.public.fingerprint.grouped):
            key.public.verify(message, signature)


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "D7" * 32, "zz" * 32, "0" * 63 + "٣"])
def test_a_public_key_s_text_has_one_form(text: str) -> None:
    with pytest.raises(Invalid, match="64 lower-case hex"):
        PublicKey.parse(text)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_public_key_has_32_bytes(length: int) -> None:
    with pytest.raises(Invalid, match="32 bytes"):
        PublicKey(bytes(length))


def test_generated_keys_differ_and_come_back_from_their_file() -> None:
    key = SigningKey.generate()
    again = SigningKey.from_pem(key.to_pem())
    assert again.public == key.public != SigningKey.generate().public
    again.public.verify(b"message", key.sign(b"message"))


def test_the_file_is_what_rfc_8410_shows() -> None:
    # Section 10.3: the private key of the examples, without attributes.
    pem = (
        b"-----BEGIN PRIVATE KEY-----\n"
        b"MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
        b"-----END PRIVATE KEY-----\n"
    )
    assert SigningKey.from_pem(pem).to_pem() == pem
    assert str(SigningKey.from_pem(pem).public) == "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"


def _pem(form: PrivateFormat = PrivateFormat.PKCS8, secret: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(secret) if secret else NoEncryption()
    return load_pem_private_key(pair(1).to_pem(), None).private_bytes(Encoding.PEM, form, encryption)


def test_what_is_no_private_key_of_ours_is_invalid() -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    cases = [(b"", "not a private"), (b"\0" * 32, "not a private"), (_pem()[:-40], "not a private")]
    cases += [(other, "another algorithm"), (_pem(secret=b"secret"), "encrypted"), (_pem() * 40, "too many")]
    for pem, reason in cases:
        with pytest.raises(Invalid, match=reason):
            SigningKey.from_pem(pem)


def test_a_private_key_does_not_show_itself() -> None:
    key = pair(1)
    assert repr(key) == str(key) == f"SigningKey({key.public.fingerprint.grouped})"
