"""Keys, signed statements and successions of keys. Pure: no database, no files, no clock."""

from tukar.signing.fields import Fields
from tukar.signing.keys import BadSignature, Fingerprint, PublicKey, SigningKey
from tukar.signing.statements import Value, encode, parse

__all__ = ["BadSignature", "Fields", "Fingerprint", "PublicKey", "SigningKey", "Value", "encode", "parse"]
