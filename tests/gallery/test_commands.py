"""Commands can be copied as they are, whatever the names in them."""

import ast
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tukar.gallery import commands
from tukar.gallery.addresses import Place

HUB = "https://hub.test"


def test_the_commands_of_a_model() -> None:
    place = Place("ana/model")
    assert commands.download(HUB, place) == "HF_ENDPOINT=https://hub.test \\\n  hf download ana/model"
    assert commands.pull(HUB, place) == "HF_ENDPOINT=https://hub.test \\\n  tukar pull ana/model"
    assert commands.python(HUB, place).splitlines()[2:] == [
        "folder = snapshot_download(",
        '    "ana/model",',
        '    endpoint="https://hub.test",',
        ")",
    ]


def test_another_revision_is_named() -> None:
    place = Place("ana/model", "refs/pr/1")
    assert shlex.split(commands.download(HUB, place))[-2:] == ["--revision", "refs/pr/1"]
    assert '    revision="refs/pr/1",' in commands.python(HUB, place).splitlines()


@given(st.text(alphabet=st.characters(exclude_characters="\x00"), min_size=1), st.text(min_size=1))
def test_no_name_gets_out_of_its_quotes(endpoint: str, revision: str) -> None:
    place = Place("ana/model", revision)
    words = shlex.split(commands.download(endpoint, place))
    assert words[0] == f"HF_ENDPOINT={endpoint}"
    assert words[-2:] == (["--revision", revision] if revision != "main" else words[-2:])
    statement = ast.parse(commands.python(endpoint, place)).body[-1]
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Call)
    values = {keyword.arg: ast.literal_eval(keyword.value) for keyword in statement.value.keywords}
    assert values["endpoint"] == endpoint
    assert values.get("revision", "main") == revision


@pytest.mark.parametrize("word", ["HF_ENDPOINT=", "HF_TOKEN=", "hf upload"])
def test_how_to_publish(word: str) -> None:
    assert word in commands.publish(HUB)
