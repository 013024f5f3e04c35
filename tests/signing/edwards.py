"""The curve by the book (RFC 8032, 5.1 and 6), in affine coordinates: slow, and apart from what is tested."""

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def add(first: Point, second: Point) -> Point:
    (x1, y1), (x2, y2) = first, second
    cross = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + cross, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - cross, -1, P)
    return x % P, y % P


def multiply(scalar: int, point: Point) -> Point:
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def lift(y: int) -> Point | None:
    """The point with this y and an even x, or None if there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        return None
    return (P - x if x & 1 else x), y


def encode(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


def small_order() -> set[Point]:
    """The eight points whose order divides 8: multiples of L times a point that has all of the cofactor in it."""
    for y in range(2, 100):
        point = lift(y)
        if point is None:
            continue
        torsion = multiply(L, point)
        found = {multiply(factor, torsion) for factor in range(8)}
        if len(found) == 8:
            return found
    raise AssertionError("no point of order 8 found")
