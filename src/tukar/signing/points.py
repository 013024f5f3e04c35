"""Which 32 bytes Tukar takes for a point of edwards25519, and which for a scalar.

RFC 8032 leaves open what a verifier does with points written in a second way and with points of small order, and
libraries differ (Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", SSR 2020). OpenSSL takes both as public
keys. Tukar takes neither, so that a key has one byte form and nobody can make a key under which one signature fits
many messages. Everything here is public; nothing needs to run in constant time.
"""

from __future__ import annotations

from typing import Final

P: Final = 2**255 - 19
"""The field's prime."""

L: Final = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point."""

D: Final = -121665 * pow(121666, -1, P) % P
"""The curve's constant: -x² + y² = 1 + D·x²·y²."""

_Y_OF_ORDER_8: Final = int.from_bytes(
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
)

SMALL_ORDER_Y: Final = frozenset({0, 1, P - 1, _Y_OF_ORDER_8, P - _Y_OF_ORDER_8})
"""The y of the eight points whose order divides 8. Only two of them, y = ±1, have x = 0."""


def read_y(encoded: bytes) -> int:
    """The y coordinate of a point's 32 bytes (RFC 8032, 5.1.2), which lie in the lower 255 bits.

    The sign of x, in the topmost bit, is free for every point that is taken: x = 0, where it must be 0, is of small
    order. ValueError, with the reason, if y is not below the field's prime or the point is of small order.
    """
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y >= P:
        raise ValueError("its y is not below 2^255 - 19: another form of a point")
    if y in SMALL_ORDER_Y:
        raise ValueError("a point of small order")
    return y


def is_on_curve(y: int) -> bool:
    """Whether the curve has points with this y: x² = (y² - 1) / (D·y² + 1) has a root (Euler's criterion)."""
    square = y * y % P
    return pow((square - 1) * (D * square + 1), (P - 1) // 2, P) != P - 1


def is_scalar(encoded: bytes) -> bool:
    """Whether 32 bytes are a scalar in its only form, below L (RFC 8032, 5.1.7, step 1)."""
    return int.from_bytes(encoded, "little") < L
