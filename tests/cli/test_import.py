"""A repository of another hub comes into one's own: all of it, nothing else, and with nobody's token but its own."""

import json
import signal
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from .files import ODD, contents, model, noise, write
from .hub import Commands, HubProcess, Ran, wait_for
from .proxy import Answer, Proxy, listing, sending, stalling

GITATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """The other hub."""
    settings = {"TUKAR_ADMIN_TOKEN": "token-of-the-other-hub-0123456789"}
    origin = HubProcess(tmp_path_factory.mktemp("origin") / "data", settings).start()
    yield origin
    assert origin.stop() == 0


@pytest.fixture
def there(origin: HubProcess, tmp_path: Path) -> Commands:
    """Commands of the other hub's administrator."""
    home = tmp_path / "home-there"
    home.mkdir()
    return Commands(origin.url, home, origin.settings["TUKAR_ADMIN_TOKEN"])


@pytest.fixture
def plain(origin: HubProcess) -> Iterator[Proxy]:
    """The other hub as one that is not Tukar."""
    plain = Proxy(origin.url)
    yield plain
    plain.close()


def _import(tukar: Commands, plain: Proxy, name: str, *more: object) -> Any:
    return tukar.json("import", name, "--from", plain.url, *more)


def _refused(tukar: Commands, plain: Proxy, name: str, *more: object) -> Ran:
    """An import that fails as it should: told in words, and nothing is published."""
    done = tukar("import", name, "--from", plain.url, *more)
    assert done.code == 1, done.stdout
    assert any(line.startswith("tukar: ") for line in done.stderr.splitlines())
    assert "Traceback" not in done.stderr
    assert tukar("show", name).code == 1
    return done


def _states(imported: Any) -> dict[str, str]:
    return {file["path"]: file["state"] for file in imported["files"]}


def test_all_files_come_byte_by_byte(tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path) -> None:
    folder = write(model(tmp_path / "m"), {**ODD, ".gitattributes": GITATTRIBUTES})
    pushed = there.json("push", folder, name)
    imported = _import(tukar, plain, name)
    page = f"{plain.url}/{name}/tree/{pushed['commit']}"
    assert imported["source"] == {"hub": plain.url, "repository": name, "commit": pushed["commit"], "url": page}
    assert imported["created"]
    assert imported["fetched_bytes"] == sum(map(len, contents(folder).values()))
    assert set(_states(imported)) == set(contents(folder))
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(folder)
    assert plain.asked("/objects|xet") == []


def test_one_commit_says_where_it_is_from(
    hub: HubProcess, tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path
) -> None:
    pushed = there.json("push", model(tmp_path / "m"), name)
    imported = _import(tukar, plain, name)
    with urlopen(f"{hub.url}/api/models/{name}/commits/main") as reply:
        made = json.load(reply)[0]
    assert imported["commits"] == [made["id"]] == [imported["commit"]]
    assert made["title"] == f"Import {name} at {pushed['commit'][:12]}"
    assert made["message"] == f"From {plain.url}/{name}/tree/{pushed['commit']}"


def test_again_without_a_change_nothing_comes_and_nothing_is_committed(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path
) -> None:
    there.json("push", model(tmp_path / "m"), name)
    first = _import(tukar, plain, name)
    plain.came.clear()
    again = _import(tukar, plain, name)
    assert (again["commits"], again["commit"], again["fetched_bytes"]) == ([], first["commit"], 0)
    assert set(_states(again).values()) == {"unchanged"}
    assert plain.came == {}
    assert "nothing has changed" in tukar("import", name, "--from", plain.url).stdout


def test_only_files_that_changed_come_again(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "m", {"a.bin": noise(1, 5000), "b.bin": noise(2, 5000), "config.json": b"{}\n"})
    first = there.json("push", folder, name)
    _import(tukar, plain, name)
    there.json("push", write(folder, {"b.bin": noise(3, 5000)}), name)
    plain.came.clear()
    changed = _import(tukar, plain, name)
    assert plain.came == {"b.bin": 5000}
    assert _states(changed) == {"a.bin": "unchanged", "b.bin": "sent", "config.json": "unchanged"}
    back = _import(tukar, plain, name, "--revision", first["commit"])
    assert back["source"]["commit"] == first["commit"]
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert (tmp_path / "pulled" / "b.bin").read_bytes() == noise(2, 5000)


def test_of_a_child_only_what_the_hub_lacks_goes_there(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path
) -> None:
    tensors = {f"layer.{number}": noise(100 + number, 200_000) for number in range(10)}
    base = write(tmp_path / "base", {"model.safetensors": _safetensors(tensors)})
    child = write(tmp_path / "child", {"model.safetensors": _safetensors(tensors | {"layer.7": noise(99, 200_000)})})
    there.json("push", base, f"{name}-base")
    there.json("push", child, f"{name}-child")
    whole = _import(tukar, plain, f"{name}-base")
    part = _import(tukar, plain, f"{name}-child")
    assert part["fetched_bytes"] == whole["fetched_bytes"] > 2_000_000
    assert whole["avoided_bytes"] == 0
    assert part["via"] == "objects"
    assert 200_000 < part["sent_bytes"] < 220_000
    assert part["avoided_bytes"] >= 1_800_000
    tukar.json("pull", f"{name}-child", "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(child)


def _safetensors(tensors: dict[str, bytes]) -> bytes:
    header: dict[str, Any] = {}
    at = 0
    for tensor, data in tensors.items():
        header[tensor] = {"dtype": "U8", "shape": [len(data)], "data_offsets": [at, at + len(data)]}
        at += len(data)
    written = json.dumps(header).encode()
    return len(written).to_bytes(8, "little") + written + b"".join(tensors.values())


def test_some_files_of_a_dataset_under_another_name(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path
) -> None:
    there.json("push", write(tmp_path / "m", {"a.csv": b"a", "b.csv": b"b", "c.md": b"c"}), name, "--type", "dataset")
    options = ("--type", "dataset", "--include", "*.csv", "--exclude", "b*", "--to", f"{name}-x", "--private")
    imported = _import(tukar, plain, name, *options)
    assert (imported["repository"], imported["type"]) == (f"{name}-x", "dataset")
    assert set(_states(imported)) == {"a.csv"}
    assert plain.came == {"a.csv": 1}
    assert tukar.json("show", f"{name}-x", "--type", "dataset")["private"]


def test_each_hub_sees_its_own_token_only(
    hub: HubProcess, tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path
) -> None:
    there.json("push", model(tmp_path / "m"), name, "--private")
    recorder = Proxy(hub.url, is_plain=False)
    try:
        missing = _refused(tukar.at(recorder.url), plain, name)
        assert "name a token with --from-token-file" in missing.stderr
        assert plain.shown == set()
        token = there.json("token", "create", "admin", "--role", "read")["token"]
        (tmp_path / "token").write_text(f"{token}\n")
        _import(tukar.at(recorder.url), plain, name, "--from-token-file", tmp_path / "token")
    finally:
        recorder.close()
    assert plain.shown == {f"Bearer {token}"}
    assert recorder.shown == {f"Bearer {tukar.token}"}


def test_one_token_for_two_hubs_is_refused(tukar: Commands, plain: Proxy, name: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{tukar.token}\n")
    done = _refused(tukar, plain, name, "--from-token-file", tmp_path / "token")
    assert "HF_TOKEN" in done.stderr
    assert plain.requests == []


@pytest.mark.parametrize("content", ["", "two words"])
def test_a_file_without_a_token(tukar: Commands, plain: Proxy, name: str, tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    assert "token" in _refused(tukar, plain, name, "--from-token-file", tmp_path / "token").stderr
    assert plain.requests == []


def _other(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


@pytest.mark.parametrize("path", ["w.bin", "config.json"])
def test_other_bytes_than_listed_are_not_published(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path, path: str
) -> None:
    files = {"w.bin": noise(zlib.crc32(path.encode()), 9000), "config.json": b"{}\n"}
    there.json("push", write(tmp_path / "m", files), name)
    plain.lies = {f"GET .*/resolve/.*{path}": sending(_other)}
    assert f"sends other bytes for {path!r} than it lists" in _refused(tukar, plain, name).stderr
    plain.lies = {}
    plain.came.pop(path)
    assert _states(_import(tukar, plain, name)) == {"w.bin": "sent", "config.json": "sent"}
    assert plain.came[path] == len(files[path])


def test_a_truncated_file_is_not_published(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path
) -> None:
    there.json("push", write(tmp_path / "m", {"w.bin": noise(8, 9000)}), name)
    plain.lies = {"GET .*/resolve/": sending(lambda body: body[:4000])}
    assert "should be of size 9000" in _refused(tukar, plain, name).stderr

    def shorter(answer: Answer) -> None:
        answer.headers["Content-Length"] = "4000"
        answer.headers.pop("x-linked-size", None)

    plain.lies["HEAD .*/resolve/"] = shorter
    assert "than it lists (9000" in _refused(tukar, plain, name).stderr


@pytest.mark.parametrize(
    "path",
    [
        *("../x", "/tmp/x", "a/../../x", "a//b", "./x", "a\\b", "a\x00b", "", "\ud800"),
        *(".git/config", "a/.GIT/config", ".tukar/snapshot.json", ".TUKAR/lock", 7, None),
        *(".cache", ".cache/huggingface", ".cache/huggingface/download/w.bin.metadata", ".Cache/HuggingFace/x"),
    ],
)
def test_names_that_lead_elsewhere(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path, path: object
) -> None:
    there.json("push", write(tmp_path / "m", {"w.bin": noise(9, 10)}), name)
    plain.lies = {"/tree/": listing(lambda entries: entries.append({**entries[0], "path": path}))}
    _refused(tukar, plain, name)
    assert plain.came == {}


@pytest.mark.parametrize(
    "change",
    [
        {"path": "w.bin"},
        {"path": "w.bin/x"},
        {"size": -1, "lfs": None},
        {"size": "many", "lfs": None},
        {"oid": "../../x", "lfs": None},
        {"lfs": {"oid": "x" * 64, "size": 10, "pointerSize": 130}},
        {"lfs": {"oid": "a" * 64, "size": None, "pointerSize": 130}},
        {"lfs": []},
        {"type": None},
    ],
)
def test_lists_that_make_no_sense(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path, change: dict[str, Any]
) -> None:
    there.json("push", write(tmp_path / "m", {"w.bin": noise(9, 10)}), name)
    lie = {k: v for k, v in change.items() if v is not None or k != "lfs"}

    def told(entries: list[Any]) -> None:
        entries.append(
            {k: v for k, v in {**entries[0], "path": "x.bin", **lie}.items() if change.get(k, 1) is not None}
        )

    plain.lies = {"/tree/": listing(told)}
    _refused(tukar, plain, name)
    assert plain.came == {}


def test_too_many_files(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.json("push", write(tmp_path / "m", {f"{n}.txt": b"x" for n in range(5)}), name)
    monkeypatch.setattr("tukar.exchange.tree._ENTRIES_LIMIT", 4)
    assert "more than 4 files" in _refused(tukar, plain, name).stderr


def _says(status: int, **headers: str) -> Callable[[Answer], None]:
    def lie(answer: Answer) -> None:
        answer.status, answer.body = status, b"{}"
        answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})

    return lie


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (_says(403, X_Error_Code="GatedRepo"), ("is gated", "accept its conditions at")),
        (_says(404, X_Error_Code="RepoNotFound"), ("that everybody may read", "if it is private")),
        (_says(404, X_Error_Code="RevisionNotFound"), ("has no revision 'main'", "--revision")),
        (_says(404), ("answers 404", "is --from the address of a hub?")),
        (_says(403), ("answers 403", "if it is private")),
        (_says(401, X_Error_Message="Invalid credentials in Authorization header"), ("", "--from-token-file")),
        (_says(500), ("answers 500", "a little later")),
        (_says(200), ("makes no sense", "is --from the address of a hub?")),
        (sending(lambda _: b"<html>"), ("makes no sense", "is --from the address of a hub?")),
    ],
)
def test_what_a_hub_refuses_is_told(
    tukar: Commands,
    there: Commands,
    plain: Proxy,
    name: str,
    tmp_path: Path,
    answer: Callable[[Answer], None],
    told: tuple[str, str],
) -> None:
    there.json("push", write(tmp_path / "m", {"w.bin": noise(9, 10)}), name)
    plain.lies = {"GET /api/models/.*/revision/": answer}
    done = _refused(tukar, plain, name)
    failure, hint = done.stderr.splitlines()
    assert told[0] in failure
    assert told[1] in hint


def test_nobody_answers(tukar: Commands, plain: Proxy, name: str) -> None:
    plain.close()
    assert f"nothing can be fetched from {plain.url}" in _refused(tukar, plain, name).stderr


def test_who_may_not_publish_is_told_before_anything_comes(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path
) -> None:
    there.json("push", write(tmp_path / "m", {"w.bin": noise(9, 10)}), name)
    reader = tukar.as_(tukar.json("token", "create", "admin", "--role", "read")["token"])
    assert "you may not" in _refused(reader, plain, name).stderr
    _import(tukar, plain, name)
    plain.requests.clear()
    assert reader("import", name, "--from", plain.url).code == 1
    assert plain.requests == []
    assert "public" in tukar("import", name, "--from", plain.url, "--private").stderr


def test_without_room_nothing_comes(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.json("push", write(tmp_path / "m", {"w.bin": noise(9, 5000)}), name)
    full = type("Usage", (), {"free": 4999})
    monkeypatch.setattr("tukar.cli.staging.shutil.disk_usage", lambda _: full)
    assert "--cache" in _refused(tukar, plain, name).stderr
    assert plain.came == {}


def test_two_at_once(tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path) -> None:
    there.json("push", write(tmp_path / "m", {"w.bin": noise(9, 10)}), name)
    plain.lies = {"GET .*/resolve/": stalling(5)}
    running = tukar.start("import", name, "--from", plain.url, "--cache", tmp_path / "cache")
    assert plain.stalled.wait(60)
    assert "another process imports" in _refused(tukar, plain, name, "--cache", tmp_path / "cache").stderr
    plain.open.set()
    assert running.communicate()[0]
    assert running.returncode == 0
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_what_was_interrupted_goes_on(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path, how: signal.Signals, code: int
) -> None:
    files = {f"{part}.bin": noise(part, 100_000 * part) for part in range(1, 5)}
    there.json("push", write(tmp_path / "m", files), name)
    plain.lies = {"GET .*/resolve/.*4.bin": stalling(200_000)}
    running = tukar.start("import", name, "--from", plain.url)
    assert plain.stalled.wait(60)
    staged = tukar.home / "cache" / "tukar" / "imports"
    _wait_for_files(staged, 3)
    running.send_signal(how)
    _, told = running.communicate(timeout=60)
    assert running.returncode == code, told
    assert "Traceback" not in told
    assert tukar("show", name).code == 1
    plain.lies = {}
    whole = {path: len(content) for path, content in files.items()}
    assert plain.came.items() >= whole.items() - {("4.bin", 400_000)}
    plain.came.clear()
    again = _import(tukar, plain, name)
    assert again["fetched_bytes"] == 400_000
    assert plain.came == {"4.bin": 400_000}
    assert list(staged.iterdir()) == []
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == files


def _wait_for_files(staged: Path, count: int) -> None:
    wait_for(lambda: len([path for path in staged.glob("*/files/*.bin") if path.is_file()]) == count)


def test_what_is_damaged_here_comes_again(
    tukar: Commands, there: Commands, plain: Proxy, name: str, tmp_path: Path
) -> None:
    there.json("push", write(tmp_path / "m", {"a.bin": noise(1, 5000), "b.bin": noise(2, 5000)}), name)
    plain.lies = {"GET .*/resolve/.*b.bin": sending(_other)}
    cache = tmp_path / "cache"
    _refused(tukar, plain, name, "--cache", cache)
    (here,) = cache.glob("*/files/a.bin")
    here.write_bytes(_other(here.read_bytes()))
    plain.lies = {}
    _import(tukar, plain, name, "--cache", cache)
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(tmp_path / "m")


def test_without_the_library_it_says_what_to_install(
    tukar: Commands, plain: Proxy, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install 'tukar[import]'" in _refused(tukar, plain, name).stderr


def test_an_address_instead_of_a_name(tukar: Commands) -> None:
    done = tukar("import", "https://huggingface.co/acme/tiny")
    assert done.stderr.splitlines()[-1] == "hint: write it as acme/tiny, with --from https://huggingface.co"
