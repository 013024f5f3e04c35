"""Ed25519 key pairs (RFC 8032), and the fingerprints that people compare.

A fingerprint is the first 160 bits of SHA-256 over the public key. To find another key for a given fingerprint takes
2^160 tries. To make two keys of one's own with the same fingerprint takes 2^80; whoever does has two keys under one
name, and both are still theirs.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tukar.errors import Invalid, Unauthenticated
from tukar.signing.points import is_on_curve, is_scalar, read_y

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_MAX_PEM: Final = 4096  # bytes; an Ed25519 key has 119
_MAX_FINGERPRINT: Final = 128  # characters as typed, separators included


class BadSignature(Unauthenticated):
    """A signature is missing or does not fit: nothing shows that the named key signed these bytes."""


class Fingerprint(str):
    """The name of a public key: 32 characters of lower-case base32 (RFC 4648), which are 160 bits of its SHA-256."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Wrap a fingerprint in its only stored form; Invalid for anything else. For what people type: `parse`."""
        if not re.fullmatch(r"[a-z2-7]{32}", text):
            raise Invalid(
                f"not a key's fingerprint: {text[:80]!r}",
                hint="it has 32 of the letters a to z and the digits 2 to 7",
            )
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From what a person typed: case, groups, and ``-``, ``:`` or spaces do not matter. Invalid otherwise."""
        if len(text) > _MAX_FINGERPRINT or not text.isascii():
            return cls(text)
        return cls(re.sub(r"[\s:-]", "", text).lower())

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """Of the 32 raw bytes of a public key."""
        return cls(base64.b32encode(hashlib.sha256(raw).digest()[:20]).decode("ascii").lower())

    @property
    def grouped(self) -> str:
        """As people read it, in groups of four: ``abcd-efgh-…``."""
        return "-".join(self[start : start + 4] for start in range(0, 32, 4))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: 32 bytes, the only form of this point (RFC 8032, 5.1.2).

    Invalid for anything that is not on the curve, is of small order, or is another form of a point.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise Invalid(f"a public key has {KEY_BYTES} bytes, not {len(self.raw)}")
        try:
            y = read_y(self.raw)
        except ValueError as error:
            raise Invalid(f"not a public key: {error}") from None
        if not is_on_curve(y):
            raise Invalid("not a public key: not a point of the curve")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From 64 lower-case hex digits; Invalid otherwise."""
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise Invalid(f"not a public key of 64 lower-case hex digits: {text[:80]!r}")
        return cls(bytes.fromhex(text))

    def __str__(self) -> str:
        return self.raw.hex()

    @property
    def fingerprint(self) -> Fingerprint:
        """What people compare."""
        return Fingerprint.of(self.raw)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check that this key signed ``message``; BadSignature if not.

        1. The signature has 64 bytes: a point R and a scalar S.
        2. S is below L, so that nobody can change a signature into another one (RFC 8032, 5.1.7).
        3. R is in its only form and not of small order, as for a key.
        4. S·B = R + k·A, without the cofactor: the equation as OpenSSL checks it, on bytes.
        """
        # 1.
        if len(signature) != SIGNATURE_BYTES:
            raise self._bad(f"it has {len(signature)} bytes, not {SIGNATURE_BYTES}")
        point, scalar = signature[:KEY_BYTES], signature[KEY_BYTES:]
        # 2.
        if not is_scalar(scalar):
            raise self._bad("its scalar is not below the group's order")
        # 3.
        try:
            read_y(point)
        except ValueError as error:
            raise self._bad(f"its point is none to take: {error}") from None
        # 4.
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            raise self._bad("it is by another key, or what was signed has been altered") from None

    def _bad(self, reason: str) -> BadSignature:
        return BadSignature(f"not a signature by the key {self.fingerprint.grouped}: {reason}")


class SigningKey:
    """A private key. Kept as PKCS#8 in PEM (RFC 8410), unencrypted.

    That says which algorithm the key is for, and other tools (``openssl pkey``) read it; 32 bare bytes would do neither
    and look like any other secret.
    """

    __slots__ = ("_private", "_public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._public = PublicKey(private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> Self:
        """A new one, from the operating system's random numbers."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """What `to_pem` wrote; Invalid for anything else. The content appears in no message."""
        if len(pem) > _MAX_PEM:
            raise Invalid(f"not a private key: {len(pem)} bytes are too many")
        try:
            private = load_pem_private_key(pem, password=None)
        except TypeError:
            raise Invalid("the private key is encrypted", hint="decrypt it: openssl pkey -in KEY") from None
        except (ValueError, UnsupportedAlgorithm):
            raise Invalid("not a private key", hint="PKCS#8 in PEM, as openssl genpkey -algorithm ed25519") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise Invalid("the private key is for another algorithm", hint="openssl genpkey -algorithm ed25519")
        return cls(private)

    def to_pem(self) -> bytes:
        """The private key itself, ASCII: to be written where only its owner reads."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """64 bytes, always the same for the same message (RFC 8032, 5.1.6)."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self._public.fingerprint.grouped})"
