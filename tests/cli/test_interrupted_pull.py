"""What was cut goes on where it stopped, and half a snapshot never looks like a whole one."""

import re
import signal
import threading
from pathlib import Path

import pytest

from tukar.cli.folder import Folder

from .fake import REPOSITORY, FakeHub, Request
from .files import arrived, contents, model, noise, write
from .hub import DEADLINE, Commands, Way, wait_for

SIZE = 24 << 20


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"model.safetensors": noise(21, SIZE), "config.json": b"{}"}
    return write(tmp_path_factory.mktemp("large"), files)


@pytest.fixture
def pushed(tukar: Commands, name: str, large: Path) -> str:
    tukar.json("push", large, name)
    return name


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_pull_that_was_ended_goes_on(
    tukar: Commands, pushed: str, way: Way, large: Path, tmp_path: Path, number: signal.Signals
) -> None:
    way.stalls_at = SIZE // 2
    process = tukar.at(way.url).start("pull", pushed, "--to", tmp_path / "pulled")
    wait_for(lambda: arrived(tmp_path / "pulled.partial") >= SIZE // 3)
    process.send_signal(number)
    _, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), told
    assert not (tmp_path / "pulled").exists()
    assert not list(tmp_path.glob("**/snapshot.json"))
    kept = arrived(tmp_path / "pulled.partial")

    way.stalls_at, way.passed = None, 0
    pulled = tukar.at(way.url).json("pull", pushed, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(large)
    assert len(pulled["files"]) == 2
    assert way.passed < SIZE - kept + (1 << 20)
    assert not (tmp_path / "pulled.partial").exists()


def test_a_pull_whose_connection_breaks_goes_on_by_itself(
    tukar: Commands, pushed: str, way: Way, large: Path, tmp_path: Path
) -> None:
    way.cuts_at = [SIZE // 4, SIZE // 2, SIZE * 3 // 4]
    assert tukar.at(way.url)("pull", pushed, "--to", tmp_path / "pulled").code == 0
    assert contents(tmp_path / "pulled") == contents(large)
    assert way.cuts_at == []
    assert way.passed < SIZE + (8 << 20)


def test_what_a_crash_tore_is_fetched_anew(tukar: Commands, pushed: str, large: Path, tmp_path: Path) -> None:
    tukar.json("pull", pushed, "--to", tmp_path / "once")
    digest = next(
        file["checksum"].partition(":")[2]
        for file in tukar.json("pull", pushed, "--to", tmp_path / "once")["files"]
        if file["path"] == "model.safetensors"
    )
    write(tmp_path / "pulled.partial/.tukar/incoming", {f"{digest}.1.part": b"\0" * (SIZE // 2)})
    assert tukar("pull", pushed, "--to", tmp_path / "pulled").code == 0
    assert contents(tmp_path / "pulled") == contents(large)


def test_a_part_that_is_too_long_is_fetched_anew(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    digest = fake.tree[0]["lfs"]["oid"]
    write(tmp_path / "pulled.partial/.tukar/incoming", {f"{digest}.1.part": b"\0" * 300_001})
    assert deceived("pull", REPOSITORY, "--to", tmp_path / "pulled").code == 0
    assert contents(tmp_path / "pulled") == fake.files


def test_only_what_came_is_counted_as_fetched(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    digests = {entry["path"]: entry["lfs"]["oid"] for entry in fake.tree}
    kept = {f"{digests['w.bin']}.1.part": fake.files["w.bin"][:250_000], f"{digests['v.bin']}.1": fake.files["v.bin"]}
    write(tmp_path / "pulled.partial/.tukar/incoming", kept)
    told = deceived.json("pull", REPOSITORY, "--to", tmp_path / "pulled")
    assert told["fetched_bytes"] == len(fake.files["w.bin"]) - 250_000
    assert contents(tmp_path / "pulled") == fake.files


def test_a_hub_that_does_no_ranges_is_asked_for_the_whole(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    fake.says("/resolve/.*/w.bin", lambda request: request.answer(200, fake.files["w.bin"]))
    digest = fake.tree[0]["lfs"]["oid"]
    write(tmp_path / "pulled.partial/.tukar/incoming", {f"{digest}.1.part": fake.files["w.bin"][:1000]})
    assert deceived("pull", REPOSITORY, "--to", tmp_path / "pulled").code == 0
    assert contents(tmp_path / "pulled") == fake.files


def test_a_busy_hub_is_asked_again(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    refused: list[str] = []

    def busy(request: Request) -> None:
        if request.path not in refused:
            refused.append(request.path)
            request.answer_json({"error": "the hub is busy"}, 503, Retry_After="0")
        elif "/tree/" in request.path:
            request.answer_json(fake.tree)
        else:
            request.answer(200, fake.files[request.path.rpartition("/")[2]])

    fake.says("/(tree|resolve)/", busy)
    assert deceived("pull", REPOSITORY, "--to", tmp_path / "pulled").code == 0
    assert len(refused) == 3
    assert contents(tmp_path / "pulled") == fake.files


def test_a_hub_that_stays_busy_is_given_up_and_what_came_is_kept(
    deceived: Commands, fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.cli.download.PAUSES", (0.0, 0.0))
    fake.says("/resolve/.*/v.bin", lambda request: request.answer_json({"error": "the hub is busy"}, 503))
    done = deceived("pull", REPOSITORY, "--to", tmp_path / "pulled")
    assert done.code == 1
    assert "the hub is busy" in done.stderr
    assert not (tmp_path / "pulled").exists()
    fake.answers.pop("/resolve/.*/v.bin")
    fake.requests.clear()
    assert deceived("pull", REPOSITORY, "--to", tmp_path / "pulled").code == 0
    assert [path for _, path, _ in fake.requests if path.endswith("/w.bin")] == []


@pytest.mark.parametrize("where", ["/tree/", "/resolve/.*/w.bin"])
def test_a_hub_that_finds_its_bytes_damaged_is_not_asked_again(
    deceived: Commands, fake: FakeHub, tmp_path: Path, where: str
) -> None:
    told = {"error": "block 3 does not match its digest"}
    fake.says(where, lambda request: request.answer_json(told, 500, X_Error_Code="Corrupt"))
    done = deceived("pull", REPOSITORY, "--to", tmp_path / "pulled")
    assert done.code == 1
    assert "the hub's copy is damaged (block 3 does not match its digest)" in done.stderr
    assert "tukar check" in done.stderr
    assert ("'w.bin'" in done.stderr) == where.endswith("w.bin")
    assert len([path for _, path, _ in fake.requests if re.search(where, path)]) == 1
    assert not (tmp_path / "pulled").exists()


def test_one_pull_at_a_time_into_a_folder(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(request: Request) -> None:
        asked.set()
        go_on.wait()
        request.answer(200, fake.files["w.bin"])

    fake.says("/resolve/.*/w.bin", slow)
    process = deceived.start("pull", REPOSITORY, "--to", tmp_path / "pulled")
    assert asked.wait(DEADLINE)
    second = deceived("pull", REPOSITORY, "--to", tmp_path / "pulled")
    assert second.code == 1
    assert "another process is pulling into" in second.stderr
    go_on.set()
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert contents(tmp_path / "pulled") == fake.files


class _Cut(BaseException):
    """A crash."""


@pytest.mark.parametrize("survive", range(1, 6))
def test_a_crash_while_files_are_put_in_place_leaves_no_marker(
    tukar: Commands, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survive: int
) -> None:
    tukar.json("push", model(tmp_path / "m"), name)
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    write(model(tmp_path / "m", seed=1), {"README.md": b"# changed\n"})
    tukar.json("push", tmp_path / "m", name)
    put, count = Folder._put, 0

    def crashing(self: Folder, item: object) -> str:
        nonlocal count
        count += 1
        if count == survive:
            raise _Cut
        return put(self, item)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "_put", crashing)
        try:
            tukar("pull", name, "--to", tmp_path / "pulled")
        except _Cut:
            assert not (tmp_path / "pulled/.tukar/snapshot.json").exists()
        else:
            assert survive > count
    pulled = tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(tmp_path / "m")
    assert (tmp_path / "pulled/.tukar/snapshot.json").exists()
    assert len(pulled["files"]) == 5
