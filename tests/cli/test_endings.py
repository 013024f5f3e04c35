"""How commands end: exit codes, one clear line, and one document where that is asked for."""

import subprocess
from pathlib import Path

import pytest
from click import Context, Group

from tukar import __version__
from tukar.cli import main

from .fake import FakeHub
from .files import model, write
from .hub import TUKAR, Commands, Ran

FAILED, WRONG_USAGE = 1, 2


def _assert_told(done: Ran, *told: str) -> None:
    """One line that says what is wrong, and one that says what to do."""
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("tukar: ")
    assert lines[1].startswith("hint: ")
    for each in told:
        assert each in done.stderr
    assert done.stdout == ""


def test_no_hub(tukar: Commands, tmp_path: Path) -> None:
    done = tukar.at("http://127.0.0.1:9")("ls")
    assert done.code == FAILED
    _assert_told(done, "http://127.0.0.1:9 does not answer", "tukar serve", "HF_ENDPOINT")


@pytest.mark.parametrize(
    "url", ["ftp://x", "127.0.0.1:8080", "http://", "http://x:port", "http://a b", "http://me:secret@x"]
)
def test_an_endpoint_that_is_none(tukar: Commands, url: str) -> None:
    done = tukar.at(url)("ls")
    assert done.code == FAILED
    _assert_told(done, "HF_ENDPOINT")


def test_something_that_is_no_hub(tukar: Commands, fake: FakeHub) -> None:
    fake.says("GET", lambda request: request.answer(200, b"<html>Welcome to nginx!</html>"))
    done = tukar.at(fake.url)("ls")
    assert done.code == FAILED
    _assert_told(done, "it is not JSON", "HF_ENDPOINT")


def test_a_token_that_is_nobodys(tukar: Commands) -> None:
    done = tukar.as_("tukar_wrong")("ls")
    assert done.code == FAILED
    _assert_told(done, "Invalid credentials", f"set HF_TOKEN to a token of {tukar.url}")


def test_a_token_with_a_line_break_is_not_sent(tukar: Commands, fake: FakeHub) -> None:
    done = tukar.at(fake.url).as_("tukar_a\r\nX-Evil: 1")("ls")
    assert done.code == FAILED
    assert "HF_TOKEN" in done.stderr
    assert fake.requests == []


def test_no_token(tukar: Commands, name: str, tmp_path: Path) -> None:
    done = tukar.as_(None)("push", model(tmp_path / "m"), name)
    assert done.code == FAILED
    _assert_told(done, "set HF_TOKEN", "none is set")


def test_the_token_that_hf_auth_login_stored(tukar: Commands, hub: object) -> None:
    write(tukar.home, {"token": f"{tukar.token}\n".encode()})
    assert tukar.as_(None)("stats").code == 0
    write(tukar.home, {"token": b"tukar_stale"})
    assert f"the one in use is from {tukar.home}/token" in tukar.as_(None)("stats").stderr


def test_a_token_that_only_reads(tukar: Commands, name: str, tmp_path: Path) -> None:
    reader = tukar.as_(tukar.json("token", "create", "admin", "--role", "read")["token"])
    done = reader("push", model(tmp_path / "m"), name)
    assert done.code == FAILED
    assert "may not" in done.stderr
    assert tukar("show", name).code == FAILED


@pytest.mark.parametrize("command", ["pull", "show"])
def test_no_such_repository(tukar: Commands, command: str) -> None:
    done = tukar(command, "admin/nothing-here")
    assert done.code == FAILED
    assert "there is no model admin/nothing-here" in done.stderr


def test_no_such_revision(tukar: Commands, name: str, tmp_path: Path) -> None:
    tukar.json("push", model(tmp_path / "m"), name)
    done = tukar("pull", name, "--revision", "v2/x", "--to", tmp_path / "pulled")
    assert done.code == FAILED
    assert "has no revision 'v2/x'" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "m"]


def test_private_is_private(tukar: Commands, name: str, tmp_path: Path) -> None:
    tukar.json("push", model(tmp_path / "m"), name, "--private")
    for command in (("show", name), ("pull", name, "--to", tmp_path / "pulled")):
        assert "there is no model" in tukar.as_(None)(*command).stderr
    assert name not in {repo["id"] for repo in tukar.as_(None).json("ls")}
    assert tukar.json("show", name)["private"] is True


def test_private_does_not_go_to_a_public_repository(tukar: Commands, name: str, tmp_path: Path) -> None:
    tukar.json("push", model(tmp_path / "m"), name)
    done = tukar("push", write(tmp_path / "secret", {"s.txt": b"s"}), name, "--private")
    assert done.code == FAILED
    _assert_told(done, "exists, and is public", "--private")
    assert "s.txt" not in {file["path"] for file in tukar.json("show", name)["files"]}


@pytest.mark.parametrize("repository", ["tiny", "a/b/c", "../x", "a/..", "-/x", "a/x.git"])
def test_a_name_that_is_none(tukar: Commands, repository: str, tmp_path: Path) -> None:
    done = tukar("pull", "--", repository)
    assert done.code == FAILED
    assert "tukar: not a" in done.stderr


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("http://hub.example:8080/acme/tiny", "acme/tiny, with HF_ENDPOINT=http://hub.example:8080"),
        ("https://x/acme/tiny/tree/main?a=b", "acme/tiny, with HF_ENDPOINT=https://x"),
        ("https://x/datasets/acme/tiny", "acme/tiny, with --type dataset and HF_ENDPOINT=https://x"),
        ("/acme/tiny", "acme/tiny"),
        ("acme/tiny/", "acme/tiny"),
        ("models/acme/tiny", "acme/tiny"),
        ("spaces/acme/tiny", "acme/tiny, with --type space"),
    ],
)
def test_an_address_instead_of_a_name(tukar: Commands, written: str, right: str) -> None:
    done = tukar("show", written)
    assert done.code == FAILED
    assert done.stderr == f"tukar: not a repository id: {written!r}\nhint: write it as {right}\n"


def test_an_empty_folder(tukar: Commands, name: str, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    done = tukar("push", tmp_path / "m", name)
    assert done.code == FAILED
    assert "there are no files in" in done.stderr


def test_a_file_that_may_not_be_read(tukar: Commands, name: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "m", {"a.txt": b"a"})
    (folder / "w.bin").symlink_to("/proc/self/mem")
    done = tukar("push", folder, name)
    assert done.code == FAILED
    assert "Traceback" not in done.stderr
    assert "there is no model" in tukar("show", name).stderr


@pytest.mark.parametrize(
    ("who", "role", "is_admin"), [("bob", "write", False), ("acme", "read", False), ("admin", "read", True)]
)
def test_who_may_not_make_the_repository_is_told_before_files_are_read(
    deceived: Commands, fake: FakeHub, who: str, role: str, is_admin: bool
) -> None:
    token = {"accessToken": {"displayName": "t", "role": role}}
    me = {"name": who, "orgs": [], "isAdmin": is_admin, "auth": token}
    fake.says("GET /api/whoami-v2", lambda request: request.answer_json(me))
    done = deceived("push", "/proc/self/mem", "acme/new")
    assert done.code == FAILED
    _assert_told(done, "you may not create repositories in 'acme'", f"use your own namespace ({who}/...)")


def test_a_namespace_of_somebody_else(tukar: Commands, tmp_path: Path) -> None:
    tukar("user", "add", "eve-elsewhere")
    theirs = tukar.as_(tukar.json("token", "create", "eve-elsewhere", "--role", "write")["token"])
    _assert_told(
        theirs("push", model(tmp_path / "m"), "admin/not-theirs"), "you may not create repositories in 'admin'"
    )
    assert theirs("push", tmp_path / "m", "Eve-Elsewhere/tiny").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        *(("nothing",), ("push",), ("push", "/no/such/folder", "a/b"), ("pull", "a/b", "--type", "thing")),
        *(("gc", "--grace", text) for text in ("14", "-1", "1y", "d", "1.5.5h", "1e3s")),
    ],
)
def test_wrong_usage(tukar: Commands, arguments: tuple[str, ...]) -> None:
    done = tukar(*arguments)
    assert done.code == WRONG_USAGE
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("push", "--json"), "Missing argument 'SOURCE'"),
        (("push", "/no/such/folder", "a/b", "--json"), "'/no/such/folder' does not exist"),
        (("--json", "pull"), "No such option"),
        (("pull", "--json", "a/b", "--frce"), "--force"),
        (("token", "nothing", "--json"), "No such command 'nothing'"),
        (("gc", "--grace", "14", "--json"), "is not a duration"),
    ],
)
def test_wrong_usage_is_a_document_too(tukar: Commands, arguments: tuple[str, ...], told: str) -> None:
    done = tukar(*arguments)
    assert done.code == WRONG_USAGE
    assert done.document.keys() == {"error", "hint"}
    assert told in done.document["error"]
    assert done.document["hint"].startswith("see `")
    assert done.stderr.startswith("Usage: ")


def test_an_error_is_a_document_too(tukar: Commands) -> None:
    done = tukar("show", "admin/nothing-here", "--json")
    assert done.code == FAILED
    assert done.document.keys() == {"error", "hint"}
    assert "there is no model" in done.document["error"]


def test_help_has_examples_for_every_command(tukar: Commands) -> None:
    def leaves(group: Group, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = []
        context = Context(group)
        for word in group.list_commands(context):
            command = group.get_command(context, word)
            found += leaves(command, (*path, word)) if isinstance(command, Group) else [(*path, word)]
        return found

    commands = leaves(main, ())  # type: ignore[arg-type]
    assert ("token", "create") in commands
    for command in commands:
        told = tukar(*command, "--help").stdout
        assert f"tukar {' '.join(command)}" in told.partition("Example")[2], command
        assert "--json" in told, command


def test_the_version() -> None:
    done = subprocess.run([TUKAR, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"tukar {__version__}\n"


def test_whoever_reads_our_output_may_go(deceived: Commands, fake: FakeHub) -> None:
    many = [{"id": f"acme/m{number}", "lastModified": "x", "tags": []} for number in range(5000)]
    fake.says("GET /api/models", lambda request: request.answer_json(many))
    process = deceived.start("ls", "--type", "model")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait()
