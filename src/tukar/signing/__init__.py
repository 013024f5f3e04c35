"""Keys, signed statements and successions of keys. Pure: no database, no files, no clock."""

from tukar.signing.keys import BadSignature, Fingerprint, PublicKey, SigningKey

__all__ = ["BadSignature", "Fingerprint", "PublicKey", "SigningKey"]
