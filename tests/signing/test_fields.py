"""A field is there, known, of its type and within its bounds, or the object is invalid."""

from collections.abc import Callable

import pytest

from tukar.errors import Invalid
from tukar.signing import Fields, Value

from .pairs import pair

KEY = pair(1).public


def one(value: Value) -> Fields:
    return Fields("the offer", {"field": value}, ["field"])


def test_fields_are_read() -> None:
    value: Value = {"text": "é", "count": 7, "flag": False, "items": [1, "a"], "inner": {}, "key": str(KEY)}
    value |= {"from": KEY.fingerprint, "sha256": "0a" * 32}
    read = Fields("the offer", value, list(value))
    assert (read.text("text"), read.integer("count"), read.flag("flag")) == ("é", 7, False)
    assert (read.items("items", 2), read.value("inner")) == ([1, "a"], {})
    assert (read.key("key"), read.fingerprint("from"), read.sha256("sha256")) == (KEY, KEY.fingerprint, "0a" * 32)


def test_an_optional_field_may_be_missing() -> None:
    assert "more" not in Fields("the offer", {}, [], ["more"])
    assert "more" in Fields("the offer", {"more": 1}, [], ["more"])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "the offer is not an object"),
        (None, "the offer is not an object"),
        ({}, "the offer has no field 'field'"),
        ({"field": 1, "other": 2}, "the offer has an unknown field 'other'"),
    ],
)
def test_a_field_that_is_missing_or_unknown_is_invalid(value: Value, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        Fields("the offer", value, ["field"], ["more"])


@pytest.mark.parametrize(
    ("take", "wrong"),
    [
        (lambda read: read.text("field", 2), [1, None, [], True, "abc"]),
        (lambda read: read.integer("field", -1, 5), ["1", None, True, -2, 6]),
        (lambda read: read.flag("field"), [0, 1, "true", None]),
        (lambda read: read.items("field", 2), ["ab", {}, None, [1, 2, 3]]),
        (lambda read: read.key("field"), [1, "00", str(KEY).upper(), "01" + "00" * 31]),
        (lambda read: read.fingerprint("field"), [1, KEY.fingerprint.grouped, KEY.fingerprint.upper()]),
        (lambda read: read.sha256("field"), [1, "00", "0A" * 32, "0g" * 32]),
    ],
    ids=["text", "integer", "flag", "items", "key", "fingerprint", "sha256"],
)
def test_another_type_or_out_of_bounds_is_invalid(take: Callable[[Fields], object], wrong: list[Value]) -> None:
    for value in wrong:
        with pytest.raises(Invalid):
            take(one(value))


def test_a_message_names_the_field_and_what_it_should_be() -> None:
    with pytest.raises(Invalid, match="'field' in the offer is not an integer from 0 to 5"):
        one(6).integer("field", 0, 5)
