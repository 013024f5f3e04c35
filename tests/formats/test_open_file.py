import pytest

from tukar.formats import FORMATS, open_file
from tukar.formats.opaque import Opaque
from tukar.objects.sources import BytesSource
from tukar.testing.formats import FormatContract
from tukar.testing.models import tiny_gguf, tiny_safetensors
from tukar.testing.sources import SparseSource


class TestOpaque(FormatContract):
    format = Opaque()
    samples = (b"", b"{}", b"# A card\n")
    huge = SparseSource(b"", 1 << 41)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (tiny_safetensors(), "safetensors"),
        (tiny_gguf(), "gguf"),
        (tiny_safetensors()[:-1], "opaque"),
        (tiny_gguf()[:-100], "opaque"),
        (b"", "opaque"),
        (b'{"weight_map": {}}', "opaque"),
    ],
)
def test_a_file_is_opened_by_the_first_format_that_accepts_it(file: bytes, name: str) -> None:
    assert open_file(BytesSource(file)).format == name


def test_what_takes_every_file_is_asked_last() -> None:
    assert isinstance(FORMATS[-1], Opaque)
    assert len({form.name for form in FORMATS}) == len(FORMATS)
