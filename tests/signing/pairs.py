"""Key pairs for tests: made from a number, the same in every run."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tukar.signing import SigningKey


def from_seed(seed: bytes) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(seed))


@cache
def pair(number: int) -> SigningKey:
    return from_seed(number.to_bytes(32, "big"))
