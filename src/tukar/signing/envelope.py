"""Signed bytes with the kind of what they say: DSSE v1.

https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md. A profile, within what it leaves to its users:

- a keyid is there, and is the fingerprint of the key;
- every signature must be good, not only as many as are needed: one that nobody can check is refused;
- base64 (RFC 4648) is padded and has one form in either alphabet.

As DSSE demands, both alphabets are read, and members that are unknown are ignored (they are not kept either).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn, Self

from tukar.errors import Invalid
from tukar.signing import statements
from tukar.signing.keys import SIGNATURE_BYTES, BadSignature, Fingerprint, PublicKey, SigningKey

MAX_ENVELOPE: Final = 24 << 20
"""Bytes of an envelope as JSON: a payload of the largest size in base64, and the rest."""

MAX_SIGNATURES: Final = 16
_MAX_TYPE: Final = 255  # bytes in UTF-8; two media type names of RFC 6838 fit
_MAX_MARKS: Final = 1024  # commas and opening brackets; 16 signatures have 50


def payload_type(kind: str) -> str:
    """The type of Tukar's statements of a kind, such as ``offer``."""
    return f"application/vnd.tukar.{kind}+json"


def pae(type_: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding of a payload and its type. Lengths are in bytes."""
    name = type_.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Signature:
    """One key's signature, 64 bytes. ``keyid`` says which key to try; that it is that key's, only `verify` shows."""

    keyid: Fingerprint
    sig: bytes

    def __post_init__(self) -> None:
        if len(self.sig) != SIGNATURE_BYTES:
            raise Invalid(f"a signature has {SIGNATURE_BYTES} bytes, not {len(self.sig)}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type and signatures, which nobody has checked yet: see `verify`.

    Signatures are kept sorted by keyid, so that the same ones make the same envelope. Invalid if there is none, or too
    many, or two with one keyid, or if the payload is larger than a statement.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if not 0 < len(_utf8(self.payload_type)) <= _MAX_TYPE:
            raise Invalid(f"the type of an envelope's payload has 1 to {_MAX_TYPE} bytes")
        if len(self.payload) > statements.MAX_BYTES:
            raise Invalid(f"an envelope's payload has at most {statements.MAX_BYTES} bytes, not {len(self.payload)}")
        if not 0 < len(self.signatures) <= MAX_SIGNATURES:
            raise Invalid(f"an envelope has 1 to {MAX_SIGNATURES} signatures, not {len(self.signatures)}")
        if len({signature.keyid for signature in self.signatures}) < len(self.signatures):
            raise Invalid("an envelope has two signatures with one keyid")
        in_order = tuple(sorted(self.signatures, key=lambda signature: signature.keyid))
        object.__setattr__(self, "signatures", in_order)

    def signed_by(self, *keys: SigningKey) -> Self:
        """With the signatures of ``keys`` as well; Invalid if there is another one under such a key's keyid."""
        return replace(self, signatures=_merged(self.signatures, _signatures(self.payload_type, self.payload, keys)))

    def with_signatures(self, other: Envelope) -> Self:
        """With the signatures of ``other`` as well; Invalid if it holds something else, or other ones by these keys."""
        if (other.payload_type, other.payload) != (self.payload_type, self.payload):
            raise Invalid("signatures of another payload cannot be added")
        return replace(self, signatures=_merged(self.signatures, other.signatures))

    def value(self) -> dict[str, statements.Value]:
        """As DSSE's JSON, with standard base64."""
        return {
            "payload": _encode(self.payload),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": str(each.keyid), "sig": _encode(each.sig)} for each in self.signatures],
        }

    def encode(self) -> bytes:
        """The bytes of the envelope; the same envelope gives the same bytes."""
        return json.dumps(self.value(), sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """From JSON, with any spacing and order; Invalid if it is no envelope. Time and memory are bounded."""
        if len(data) > MAX_ENVELOPE:
            raise Invalid(f"an envelope has at most {MAX_ENVELOPE} bytes, not {len(data)}")
        if data.count(b",") + data.count(b"[") + data.count(b"{") > _MAX_MARKS:
            raise Invalid("an envelope does not have so many members")
        try:
            value = _DECODER.decode(data.decode())
        except (ValueError, RecursionError):
            raise Invalid("an envelope is JSON in UTF-8, with no member twice") from None
        return cls.read(value)

    @classmethod
    def read(cls, value: object) -> Self:
        """From parsed JSON; Invalid if it is no envelope."""
        type_, payload = _text(value, "payloadType"), _decode(_text(value, "payload"))
        entries = _member(value, "signatures")
        if not isinstance(entries, list) or len(entries) > MAX_SIGNATURES:
            raise Invalid(f"an envelope has a list of 1 to {MAX_SIGNATURES} signatures")
        return cls(type_, payload, tuple(_read_signature(entry) for entry in entries))


def sign(type_: str, payload: bytes, *keys: SigningKey) -> Envelope:
    """``payload`` signed by each of ``keys``: Ed25519 over its `pae`. Invalid as for `Envelope`."""
    return Envelope(type_, payload, _signatures(type_, payload, keys))


def verify(envelope: Envelope, type_: str, keys: Iterable[PublicKey], required: Collection[Fingerprint]) -> bytes:
    """The payload, now that the required keys are known to have signed it as a ``type_``.

    Args:
        envelope: as it came.
        type_: what the payload must be.
        keys: those that may have signed.
        required: the fingerprints of those that must have; at least one.

    1. The type is the one that is asked for: Invalid if not.
    2. Each signature names one of ``keys``: BadSignature if not.
    3. Each is that key's signature over the type and the payload: BadSignature if not.
    4. Every required key is among those whose signatures were checked: BadSignature if not.

    Which key signed is known from step 3, never from the keyid. Invalid too if two of ``keys`` have one fingerprint, or
    if no key is required.
    """
    known = _by_fingerprint(keys)
    if not required:
        raise Invalid("an envelope is verified for at least one signer")
    # 1.
    if envelope.payload_type != type_:
        raise Invalid(f"the envelope holds {envelope.payload_type[:80]!r}, not {type_!r}")
    message = pae(type_, envelope.payload)
    accepted = set()
    for signature in envelope.signatures:
        # 2.
        key = known.get(signature.keyid)
        if key is None:
            raise BadSignature(f"a signature names a key that may not sign this: {signature.keyid.grouped}")
        # 3.
        key.verify(message, signature.sig)
        accepted.add(key.fingerprint)
    # 4.
    missing = set(required) - accepted
    if missing:
        raise BadSignature(f"the signature by the key {min(missing).grouped} is missing")
    return envelope.payload


def _by_fingerprint(keys: Iterable[PublicKey]) -> dict[Fingerprint, PublicKey]:
    known: dict[Fingerprint, PublicKey] = {}
    for key in keys:
        if known.setdefault(key.fingerprint, key) != key:
            raise Invalid(f"two keys have the fingerprint {key.fingerprint.grouped}")
    return known


def _signatures(type_: str, payload: bytes, keys: Iterable[SigningKey]) -> tuple[Signature, ...]:
    _utf8(type_)
    message = pae(type_, payload)
    return tuple(Signature(key.public.fingerprint, key.sign(message)) for key in keys)


def _merged(first: tuple[Signature, ...], second: tuple[Signature, ...]) -> tuple[Signature, ...]:
    return tuple(dict.fromkeys(first + second))


def _read_signature(entry: object) -> Signature:
    return Signature(Fingerprint(_text(entry, "keyid")), _decode(_text(entry, "sig")))


def _member(value: object, name: str) -> object:
    if not isinstance(value, dict) or name not in value:
        raise Invalid(f"an envelope lacks {name!r}")
    return value[name]


def _text(value: object, name: str) -> str:
    text = _member(value, name)
    if not isinstance(text, str):
        raise Invalid(f"{name!r} of an envelope is not a string")
    return text


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Invalid("the type of an envelope's payload has half of a surrogate pair") from None


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str) -> bytes:
    """From base64 in one of its alphabets, padded, no other bit set: another text would be other bytes."""
    altchars = b"-_" if "-" in text or "_" in text else b"+/"
    try:
        data = base64.b64decode(text, altchars, validate=True)
    except ValueError:
        data = None
    if data is None or base64.b64encode(data, altchars).decode("ascii") != text:
        raise Invalid(f"not base64 in its one form: {text[:40]!r}")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _ignored(digits: str) -> None:
    """A number can only stand in a member that is ignored; not read, a long one costs nothing."""


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_ignored, parse_float=_ignored, parse_constant=_no_json
)
