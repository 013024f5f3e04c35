import pytest

from tukar.codecs import CODECS, codec
from tukar.codecs.raw import Raw
from tukar.codecs.zstd import Zstd
from tukar.errors import Unsupported


def test_numbers_mean_what_the_byte_format_says() -> None:
    assert isinstance(codec(0), Raw)
    assert isinstance(codec(1), Zstd)


def test_every_codec_stands_under_its_number_with_a_name_of_its_own() -> None:
    assert all(number == entry.id for number, entry in CODECS.items())
    assert len({entry.name for entry in CODECS.values()}) == len(CODECS)


def test_an_unknown_number_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="200") as raised:
        codec(200)
    assert raised.value.hint
