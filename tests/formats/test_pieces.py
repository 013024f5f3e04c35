import pytest

from tukar.errors import Invalid
from tukar.formats import Piece, cut
from tukar.types import Layout, TensorInfo


def tensor(start: int, stop: int) -> TensorInfo:
    return TensorInfo(f"{start}-{stop}", "U8", (stop - start,), start, stop)


def test_tensors_and_the_runs_between_them_make_up_the_file() -> None:
    a, b, c = tensor(8, 20), tensor(20, 24), tensor(32, 40)
    assert list(cut(Layout("x", (a, b, c)), 50)) == [
        Piece(0, 8),
        Piece(8, 20, a),
        Piece(20, 24, b),
        Piece(24, 32),
        Piece(32, 40, c),
        Piece(40, 50),
    ]


def test_a_tensor_without_bytes_makes_no_piece() -> None:
    a = tensor(10, 12)
    assert list(cut(Layout("x", (tensor(4, 4), tensor(10, 10), a, tensor(12, 12))), 12)) == [
        Piece(0, 10),
        Piece(10, 12, a),
    ]


def test_a_file_without_tensors_is_one_piece() -> None:
    assert list(cut(Layout("opaque"), 5)) == [Piece(0, 5)]


def test_an_empty_file_has_no_pieces() -> None:
    assert list(cut(Layout("opaque"), 0)) == []


@pytest.mark.parametrize("tensors", [(tensor(0, 5), tensor(4, 8)), (tensor(4, 8), tensor(0, 4)), (tensor(0, 11),)])
def test_a_layout_that_does_not_fit_is_invalid(tensors: tuple[TensorInfo, ...]) -> None:
    with pytest.raises(Invalid, match="overlaps"):
        list(cut(Layout("x", tensors), 10))
