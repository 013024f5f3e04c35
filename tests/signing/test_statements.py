"""Every value has one form, every form one value, and anything else is refused."""

import json
from enum import IntEnum, StrEnum

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tukar.errors import Invalid
from tukar.signing import Value, encode, parse
from tukar.signing.statements import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, MAX_MARKS

from .values import mutated, same, values


@given(values)
def test_what_was_encoded_is_parsed_again(value: Value) -> None:
    assert same(parse(encode(value)), value)


@given(values, values)
@example([True], [1])
@example([False], [0])
@example({}, [])
@example("1", 1)
@example(None, "null")
def test_equal_bytes_are_equal_values(first: Value, second: Value) -> None:
    assert (encode(first) == encode(second)) == same(first, second)


@given(values)
def test_any_reader_of_json_reads_the_same(value: Value) -> None:
    data = encode(value)
    assert data.isascii()
    assert same(json.loads(data), value)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), st.integers(0, 9)), st.randoms())
def test_the_order_of_members_does_not_matter(value: dict[str, Value], random: object) -> None:
    names = list(value)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert encode({name: value[name] for name in names}) == encode(value)


@settings(max_examples=500)
@given(mutated(values.map(encode)) | mutated(values.map(lambda value: json.dumps(value).encode())) | st.binary())
def test_what_is_parsed_is_the_one_form(data: bytes) -> None:
    try:
        value = parse(data)
    except Invalid:
        return
    assert encode(value) == data


def test_the_form_is_the_one_that_is_described() -> None:
    value: Value = {"b": [1, -2, True, False, None], "a": 'é\n"\\/\x7f😀', "B": {}, "": [], "é": MAX_INTEGER}
    assert encode(value) == (
        b'{"":[],"B":{},"a":"\\u00e9\\n\\"\\\\/\\u007f\\ud83d\\ude00","b":[1,-2,true,false,null],"\\u00e9":9007199254740991}'
    )


def test_members_are_sorted_by_code_points() -> None:
    assert encode({"\U0001f600": 1, "\uffff": 2}) == b'{"\\uffff":2,"\\ud83d\\ude00":1}'


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b" 1", b"1 ", b"1\n", b"\xef\xbb\xbf1", b"1,", b"1 2", b"[1, 2]", b'{"a": 1}', b"[1,]", b"nul", b"'a'"),
        *(b"01", b"-0", b"+1", b"1.0", b"1e2", b"0x1", b"NaN", b"Infinity", b"-Infinity", b"9007199254740992"),
        *(b'{"b":1,"a":2}', b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b"{1:2}"),
        *(b'"\\u0041"', b'"\\/"', b'"\\u00E9"', b'"\\u000a"', b'"\x7f"', b'"\n"', "é".join('""').encode(), b'"\\x"'),
        *(b'"\\ud83d"', b'"\\ude00"', b'"\\ude00\\ud83d"', b'{"\\ud83d":1}'),
    ],
)
def test_another_form_is_invalid(data: bytes) -> None:
    with pytest.raises(Invalid, match="statement"):
        parse(data)


@pytest.mark.parametrize(
    "value",
    [
        *(1.0, float("nan"), b"bytes", (1, 2), {1: 2}, {None: 1}, {"a": {1}}, object(), 1j),
        *(MAX_INTEGER + 1, -MAX_INTEGER - 1, "\ud800", {"\udfff": 1}, ["\ud83d\ude00"]),
    ],
)
def test_what_a_statement_cannot_hold_is_invalid(value: Value) -> None:
    with pytest.raises(Invalid, match="statement"):
        encode(value)


def test_a_word_of_an_enumeration_is_its_text() -> None:
    kind = StrEnum("kind", {"MODEL": "model"})
    number = IntEnum("number", {"ONE": 1})
    assert encode([kind["MODEL"], number["ONE"]]) == b'["model",1]'


def _nested(depth: int) -> bytes:
    return b'[{"a":' * (depth // 2) + b"[" * (depth % 2) + b"1" + b"]" * (depth % 2) + b"}]" * (depth // 2)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_the_deepest_statement_is_parsed(depth: int) -> None:
    assert encode(parse(_nested(depth))) == _nested(depth)


@pytest.mark.parametrize("data", [_nested(MAX_DEPTH + 1), _nested(1001), b"[" * 500_000, b'{"":' * 500_000])
def test_deeper_is_invalid(data: bytes) -> None:
    with pytest.raises(Invalid, match=r"inside one another|nested too deeply"):
        parse(data)


def test_a_list_in_itself_is_invalid() -> None:
    endless: list[Value] = []
    endless.append(endless)
    with pytest.raises(Invalid, match="inside one another"):
        encode(endless)


def test_the_largest_statement_is_parsed_and_a_larger_one_is_invalid() -> None:
    text = "a" * (MAX_BYTES - 2)
    assert parse(encode(text)) == text
    for function, argument in [(encode, text + "a"), (parse, b'"' + text.encode() + b'a"')]:
        with pytest.raises(Invalid, match=f"at most {MAX_BYTES} bytes"):
            function(argument)  # type: ignore[operator]


@pytest.mark.parametrize("item", [b"0", b"{}", b"[]", b'""'])
def test_more_values_than_fit_are_invalid_before_they_are_read(item: bytes) -> None:
    count = (MAX_MARKS if item in (b"0", b'""') else MAX_MARKS // 2) + 1
    with pytest.raises(Invalid, match=f"at most {MAX_MARKS} commas"):
        parse(b"[" + b",".join([item] * count) + b"]")


def test_as_many_values_as_fit_are_parsed() -> None:
    data = b"[" + b",".join([b"0"] * MAX_MARKS) + b"]"
    assert parse(data) == [0] * MAX_MARKS


@pytest.mark.parametrize("digits", [17, 5000, 1_000_000])
def test_a_long_integer_is_invalid_and_not_read(digits: int) -> None:
    with pytest.raises(Invalid, match=r"integer .*bounds|2\^53"):
        parse(b"1" * digits)
