"""Where settings come from, and which are refused."""

from dataclasses import fields
from pathlib import Path

import pytest

from tukar.config import Config, load
from tukar.errors import Invalid


def test_without_anything_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({}, {}) == Config()
    assert load({"host": None, "port": None}, {}) == Config()
    assert Config().database == "sqlite:///data/database.sqlite"


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "tukar.toml").write_text('host = "file"\nport = 1\nlog_level = "debug"\n')
    environ = {"TUKAR_HOST": "environment", "TUKAR_PORT": "2", "TUKAR_DATA": str(tmp_path)}
    found = load({"host": "command line"}, environ)
    assert (found.host, found.port, found.log_level, found.data) == ("command line", 2, "debug", tmp_path)


def test_an_empty_variable_says_nothing() -> None:
    assert load({}, {"TUKAR_PORT": "", "TUKAR_CONFIG": ""}).port == Config().port


def test_a_file_elsewhere_is_named_by_the_environment(tmp_path: Path) -> None:
    elsewhere = tmp_path / "hub.toml"
    elsewhere.write_text(f'data = "{tmp_path}/store"\ngc_grace = 5\n')
    found = load({}, {"TUKAR_CONFIG": str(elsewhere)})
    assert (found.data, found.gc_grace) == (tmp_path / "store", 5.0)
    assert load({"data": tmp_path / "other"}, {"TUKAR_CONFIG": str(elsewhere)}).data == tmp_path / "other"


def test_the_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot read"):
        load({}, {"TUKAR_CONFIG": str(tmp_path / "missing.toml")})


def test_the_data_folder_cannot_name_another(tmp_path: Path) -> None:
    (tmp_path / "tukar.toml").write_text('data = "/srv/other"')
    with pytest.raises(Invalid, match="cannot name another"):
        load({"data": tmp_path}, {})


@pytest.mark.parametrize(
    "text", ["port = ", "prot = 8080", "[port]\n", "\xff", 'port = "x"', "port = true", "port = 1.5"]
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tukar.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(Invalid):
        load({"data": tmp_path}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "80.5"),
        ("GC_GRACE", "-1"),
        ("GC_GRACE", "nan"),
        ("GC_EVERY", "inf"),
        ("UPLOAD_LIMIT", "1e9"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    with pytest.raises(Invalid, match=name.lower()):
        load({}, {f"TUKAR_{name}": value})


def test_text_is_text(tmp_path: Path) -> None:
    (tmp_path / "tukar.toml").write_text("host = [1]")
    with pytest.raises(Invalid, match="host must be text"):
        load({"data": tmp_path}, {})


def test_every_setting_can_come_from_the_environment() -> None:
    given = {f"TUKAR_{setting.name.upper()}": "7" for setting in fields(Config)}
    found = load({}, given)
    assert {str(getattr(found, setting.name)) for setting in fields(Config)} == {"7", "7.0"}


def test_the_database_is_in_the_data_folder_unless_it_is_elsewhere(tmp_path: Path) -> None:
    assert Config(data=tmp_path).database == f"sqlite:///{tmp_path}/database.sqlite"
    assert Config(data=tmp_path, database_url="postgresql://db").database == "postgresql://db"
