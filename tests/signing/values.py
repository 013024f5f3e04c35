"""Values that statements hold, and mutations of bytes."""

from hypothesis import strategies as st

from tukar.signing import Value
from tukar.signing.statements import MAX_INTEGER

texts = st.text(st.characters(codec="utf-8"), max_size=20)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
scalars = st.none() | st.booleans() | integers | texts
values: st.SearchStrategy[Value] = st.recursive(
    scalars,
    lambda inside: st.lists(inside, max_size=5) | st.dictionaries(texts, inside, max_size=5),
    max_leaves=20,
)


@st.composite
def mutated(draw: st.DrawFn, source: st.SearchStrategy[bytes]) -> bytes:
    """Bytes of ``source`` with some changed, taken out or put in; sometimes they come out the same."""
    data = bytearray(draw(source))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(len(data), start + 3)))
        data[start:stop] = draw(st.sampled_from([b"", b" ", b"0", b"-", b",", b'"', b"\\", b"\\u0041", b"{}", b"1.0"]))
    return bytes(data)


def same(first: Value, second: Value) -> bool:
    """Equal as JSON values: for Python, True is 1."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and first == second
