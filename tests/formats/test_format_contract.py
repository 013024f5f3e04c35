"""The contract suite notices what it is there to notice."""

import json
from collections.abc import Callable

import pytest

from tukar.formats.opaque import Opaque
from tukar.formats.safetensors import Safetensors, safetensors_header
from tukar.testing.formats import FormatContract
from tukar.testing.models import tiny_safetensors
from tukar.testing.sources import SparseSource
from tukar.types import ByteSource, Layout, TensorInfo

HUGE = safetensors_header({"a": ("U8", (1 << 40,))})


class Curious(Safetensors):
    """Looks into the tensors."""

    def open(self, file: ByteSource) -> Layout | None:
        for start in range(0, min(file.size, 8 << 20), 1 << 16):
            file.read(start, min(start + (1 << 16), file.size))
        return super().open(file)


class Frank(Safetensors):
    """Lets the parser's errors through."""

    def open(self, file: ByteSource) -> Layout | None:
        json.loads(file.read(8, 8 + int.from_bytes(file.read(0, 8), "little")))
        return super().open(file)


class Picky(Safetensors):
    """Refuses files without metadata."""

    def open(self, file: ByteSource) -> Layout | None:
        layout = super().open(file)
        return layout if layout and layout.metadata else None


class Generous(Safetensors):
    """Lets a tensor begin inside the one before."""

    def open(self, file: ByteSource) -> Layout | None:
        return Layout(self.name, (TensorInfo("a", "U8", (), 0, file.size), TensorInfo("b", "U8", (), 1, file.size)))


class Hungry(Safetensors):
    """Makes room for what the file claims."""

    def open(self, file: ByteSource) -> Layout | None:
        bytearray(min(int.from_bytes(file.read(0, min(8, file.size)), "little"), 1 << 28))
        return super().open(file)


class Namesake(Opaque):
    """Takes another format's name."""

    name = "gguf"


Check = Callable[[FormatContract], None]


@pytest.mark.parametrize(
    ("form", "check", "error"),
    [
        (Curious(), FormatContract.test_a_huge_file_is_accepted_and_its_tensors_are_not_read, AssertionError),
        (Frank(), FormatContract.test_every_truncation_is_refused_or_read_as_what_it_now_says, Exception),
        (Picky(), FormatContract.test_samples_are_accepted, AssertionError),
        (Generous(), FormatContract.test_garbage_is_refused_or_read_as_what_it_says, Exception),
        (Hungry(), FormatContract.test_wild_numbers_are_refused_or_read_as_what_they_say, AssertionError),
        (Namesake(), FormatContract.test_its_name_is_its_own, AssertionError),
        (Opaque(), FormatContract.test_no_format_before_it_takes_its_files, AssertionError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Safetensors | Opaque) else "",
)
def test_a_format_that_breaks_its_promise_is_found_out(
    form: Safetensors | Opaque, check: Check, error: type[Exception]
) -> None:
    class Contract(FormatContract):
        samples = (tiny_safetensors(),)
        huge = SparseSource(HUGE, len(HUGE) + (1 << 40))

    Contract.format = form
    with pytest.raises(error):
        check(Contract())
