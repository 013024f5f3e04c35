"""Keys, signed statements and successions of keys. Pure: no database, no files, no clock."""

from tukar.signing.envelope import Envelope, Signature, pae, payload_type, sign, verify
from tukar.signing.fields import Fields
from tukar.signing.keys import BadSignature, Fingerprint, PublicKey, SigningKey
from tukar.signing.statements import Value, encode, parse
from tukar.signing.successions import IdentityDocument, Succession, follow

__all__ = [
    "BadSignature",
    "Envelope",
    "Fields",
    "Fingerprint",
    "IdentityDocument",
    "PublicKey",
    "Signature",
    "SigningKey",
    "Succession",
    "Value",
    "encode",
    "follow",
    "pae",
    "parse",
    "payload_type",
    "sign",
    "verify",
]
