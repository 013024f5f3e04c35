"""Looking after a hub: over HTTP while it runs, on its data folder while it does not, with the same answers."""

import shutil
import signal
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .fake import FakeHub, Request
from .files import model, noise, write
from .hub import DEADLINE, Commands, HubProcess, wait_for


@dataclass
class Site:
    """A hub of one's own, with what a command needs to reach it."""

    commands: Commands
    hub: HubProcess
    arguments: list[object] = field(default_factory=list)

    def json(self, *arguments: object) -> Any:
        return self.commands.json(*arguments, *self.arguments)

    def run(self, *arguments: object) -> Any:
        return self.commands(*arguments, *self.arguments)

    def take_down(self) -> None:
        self.hub.stop()
        self.arguments = ["--data", self.hub.data]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a hub that has a model, and is down."""
    folder = tmp_path_factory.mktemp("template")
    hub = HubProcess(folder / "data").start()
    Commands(hub.url, folder).json("push", model(folder / "m"), "admin/tiny")
    hub.stop()
    return hub.data


@pytest.fixture
def site(template: Path, tmp_path: Path, tukar: Commands) -> Iterator[Site]:
    """A running hub of one's own, over a copy of the template."""
    shutil.copytree(template, tmp_path / "data")
    hub = HubProcess(tmp_path / "data").start()
    yield Site(tukar.at(hub.url), hub)
    if hub.process.poll() is None:
        hub.stop()


@pytest.fixture
def down(template: Path, tmp_path: Path, tukar: Commands) -> Site:
    """A hub that is down, over a copy of the template."""
    shutil.copytree(template, tmp_path / "data")
    return Site(tukar.at("http://127.0.0.1:9"), HubProcess(tmp_path / "data"), ["--data", tmp_path / "data"])


@pytest.fixture(params=["running", "down"])
def either(request: pytest.FixtureRequest, hub: HubProcess, tukar: Commands, tmp_path: Path) -> Site:
    """A hub with a model in it, running or down. The one that runs is shared: others add to it."""
    if request.param == "down":
        down: Site = request.getfixturevalue("down")
        return down
    tukar.json("push", model(tmp_path / "m"), "admin/tiny")
    return Site(tukar, hub)


@pytest.fixture
def ana(request: pytest.FixtureRequest) -> str:
    """The name of a user of this test alone."""
    return f"ana-{zlib.crc32(request.node.name.encode())}"


def test_users_and_tokens(either: Site, ana: str) -> None:
    added = either.json("user", "add", ana)
    assert (added["name"], added["admin"]) == (ana, False)
    assert either.json("user", "add", f"{ana}-root", "--admin")["admin"] is True
    assert {"admin", ana, f"{ana}-root"} <= {user["name"] for user in either.json("user", "list")}
    made = either.json("token", "create", ana, "--role", "write", "--name", "my laptop/1")
    assert made.keys() == {"user", "name", "role", "token"}
    assert (made["user"], made["name"], made["role"]) == (ana, "my laptop/1", "write")
    second = either.json("token", "create", ana)
    assert second["role"] == "read"
    listed = either.json("token", "list", ana)
    assert [token["name"] for token in listed] == ["my laptop/1", second["name"]]
    assert made["token"].endswith(listed[0]["hint"])
    either.json("token", "revoke", ana, "my laptop/1")
    assert [token["name"] for token in either.json("token", "list", ana)] == [second["name"]]


def test_a_user_who_left(either: Site, ana: str) -> None:
    either.json("user", "add", ana)
    either.json("token", "create", ana)
    assert either.json("user", "remove", ana) == {"name": ana, "removed": True}
    assert ana not in {user["name"] for user in either.json("user", "list")}
    assert f"there is no user or organisation '{ana}'" in either.run("user", "remove", ana).stderr
    either.json("user", "add", ana)
    assert either.json("token", "list", ana) == []
    assert "removed" in either.run("user", "remove", ana).stdout


def test_a_user_who_stays(tukar: Commands, ana: str, tmp_path: Path) -> None:
    tukar.json("user", "add", ana)
    theirs = tukar.as_(tukar.json("token", "create", ana, "--role", "write")["token"])
    theirs.json("push", write(tmp_path / "m", {"a.txt": b"a"}), f"{ana}/tiny")
    for name, told in ((ana, f"'{ana}' owns 1 repository"), ("admin", "'admin' cannot be removed")):
        done = tukar("user", "remove", name)
        assert done.code == 1
        assert told in done.stderr
    assert theirs("ls").code == 0


def test_a_taken_name(either: Site, ana: str) -> None:
    either.json("user", "add", ana)
    done = either.run("user", "add", ana.upper())
    assert done.code == 1
    assert f"the name '{ana}' is taken" in done.stderr
    assert either.run("token", "create", "nobody").code == 1
    assert either.run("token", "revoke", ana, "none").code == 1


def test_only_the_token_is_on_standard_output(either: Site, ana: str) -> None:
    either.json("user", "add", ana)
    done = either.run("token", "create", ana, "--name", "x")
    assert done.stdout.strip().endswith(either.json("token", "list", ana)[0]["hint"])
    assert len(done.stdout.split()) == 1


def test_a_token_works_until_it_is_revoked(tukar: Commands, ana: str) -> None:
    tukar.json("user", "add", ana)
    theirs = tukar.as_(tukar.json("token", "create", ana, "--role", "write", "--name", "x")["token"])
    assert theirs("token", "list", ana).code == 0
    assert theirs("user", "list").code == 1
    assert theirs("stats").code == 1
    tukar.json("token", "revoke", ana, "x")
    assert theirs("ls").code == 1


def test_the_answers_are_the_same(site: Site, tmp_path: Path) -> None:
    site.json("push", model(tmp_path / "m2", seed=1), "admin/tiny")
    site.json("push", write(tmp_path / "d", {"data.csv": b"1"}), "admin/data", "--type", "dataset", "--private")
    questions = [("ls",), ("ls", "tiny"), ("ls", "ADMIN/", "--type", "dataset"), ("ls", "none"), ("stats",), ("check",)]
    questions += [("show", "admin/tiny"), ("show", "admin/data", "--type", "dataset"), ("user", "list")]
    questions += [("token", "list", "admin"), ("gc",)]
    running = {question: site.json(*question) for question in questions}
    shown = site.run("show", "admin/tiny").stdout
    site.take_down()
    assert {question: site.json(*question) for question in questions} == running
    assert site.run("show", "admin/tiny").stdout == shown
    assert running["ls", "none"] == []
    assert [repo["id"] for repo in running["ls", "ADMIN/", "--type", "dataset"]] == ["admin/data"]


def test_show(either: Site) -> None:
    shown = either.json("show", "admin/tiny")
    assert (shown["id"], shown["type"], shown["private"]) == ("admin/tiny", "model", False)
    assert shown["license"] == "apache-2.0"
    assert "tests" in shown["tags"]
    assert set(shown["parameters"]) == {"BF16", "F32", "I64"}
    assert {commit["author"] for commit in shown["commits"]} == {"admin"}
    weights = next(file for file in shown["files"] if file["path"] == "model-00001-of-00002.safetensors")
    assert 0 < weights["stored_bytes"] + weights["shared_bytes"] <= weights["size"] + 500
    assert "no revision" in either.run("show", "admin/tiny", "--revision", "v9").stderr


def test_gc_leaves_what_is_needed(either: Site) -> None:
    before = either.json("show", "admin/tiny")
    either.json("gc", "--grace", "0")
    assert either.json("show", "admin/tiny") == before


def test_gc_after_a_delete(site: Site, tmp_path: Path) -> None:
    site.json("push", write(tmp_path / "m", {"w.bin": noise(73, 100_000)}), "admin/gone")
    _delete(site, "gone")
    waiting = site.json("gc", "--grace", "14d")
    assert (waiting["condemned_files"], waiting["freed_files"]) == (1, 0)
    site.take_down()
    freed = site.json("gc", "--grace", "0")
    assert freed["freed_files"] == 1
    assert freed["freed_bytes"] > 90_000
    assert site.json("stats")["files"] == 5


def _delete(site: Site, name: str) -> None:
    from tukar.exchange.endpoint import Endpoint
    from tukar.exchange.http import Remote

    with Remote(Endpoint(site.hub.url, site.commands.token)) as remote:
        remote.request("DELETE", "/api/repos/delete", json={"name": name, "organization": "admin"})


@pytest.mark.parametrize("state", ["site", "down"])
def test_check_finds_a_flipped_bit_and_names_the_file(request: pytest.FixtureRequest, state: str) -> None:
    damaged: Site = request.getfixturevalue(state)
    _flip_a_bit(damaged.hub.data / "objects")
    done = damaged.run("check", "--json")
    assert done.code == 3
    assert done.document.keys() == {"faults", "fault_count", "bytes"}
    assert done.document["fault_count"] == len(done.document["faults"]) > 0
    assert any("admin/tiny@" in file for fault in done.document["faults"] for file in fault["files"])
    told = damaged.run("check")
    assert told.code == 3
    assert "touches admin/tiny@" in told.stdout


def _flip_a_bit(objects: Path) -> None:
    pack = max((path for path in objects.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[len(content) // 4] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)


def test_a_data_folder_in_use(tukar: Commands, hub: HubProcess) -> None:
    done = tukar("stats", "--data", hub.data)
    assert done.code == 1
    assert "another process has the data folder" in done.stderr
    assert "HF_ENDPOINT" in done.stderr


def test_a_folder_that_is_no_data_folder_is_not_made_one(tukar: Commands, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = tukar("user", "add", "ana", "--data", tmp_path / "empty")
    assert done.code == 1
    assert "is not the data folder of a hub" in done.stderr
    assert list((tmp_path / "empty").iterdir()) == []


def test_repacking_pauses_and_goes_on(either: Site) -> None:
    try:
        assert either.json("repack", "--pause")["paused"] is True
        done = either.run("repack", "--wait")
        assert done.code == 1
        assert "tukar repack --resume --wait" in done.stderr
        assert "To go on: tukar repack --resume" in either.run("repack").stdout
    finally:
        resumed = either.json("repack", "--resume")
    assert resumed.keys() == {
        "pending_files",
        "pending_bytes",
        "paused",
        "running",
        "error",
        "done_bytes",
        "total_bytes",
        "note",
    }
    assert resumed["paused"] is False
    waited = either.json("repack", "--wait")
    assert waited["pending_files"] == 0
    assert {"files", "tensors", "before", "after"} <= waited.keys()
    assert either.run("repack").stdout == "nothing is left to encode anew\n"


@pytest.mark.parametrize("option", [("--type", "dataset"), ("--revision", "main")])
def test_stats_of_all_take_no_revision(tukar: Commands, option: tuple[str, str]) -> None:
    done = tukar("stats", *option)
    assert done.code == 2
    assert "are of a REPOSITORY" in done.stderr


def _job(state: str, **more: object) -> dict[str, object]:
    progress = {"done": 1, "total": 10, "note": ""}
    return {"id": 7, "kind": "check", "state": state, "progress": progress, "result": None, "error": None, **more}


def test_ctrl_c_cancels_the_check_in_the_hub(deceived: Commands, fake: FakeHub) -> None:
    def submit(request: Request) -> None:
        request.body()
        request.answer_json(_job("queued"), 202)

    fake.says("POST /api/tukar/jobs", submit)
    fake.says("GET /api/tukar/jobs/7", lambda request: request.answer_json(_job("running")))
    fake.says("DELETE /api/tukar/jobs/7", lambda request: request.answer_json(_job("running")))
    process = deceived.start("check")
    wait_for(lambda: any(path == "/api/tukar/jobs/7" for _, path, _ in fake.requests))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, told
    assert [path for method, path, _ in fake.requests if method == "DELETE"] == ["/api/tukar/jobs/7"]


def test_ctrl_c_only_ends_the_waiting_for_repacking(deceived: Commands, fake: FakeHub) -> None:
    standing = {"pending_files": 1, "pending_bytes": 10, "paused": False, "running": True, "error": None, "note": ""}
    standing |= {"done_bytes": 0, "total_bytes": 0}
    fake.says("GET /api/tukar/repack", lambda request: request.answer_json(standing))
    fake.says("POST /api/tukar/jobs", lambda request: (request.body(), request.answer_json(_job("queued"), 202))[1])
    fake.says("GET /api/tukar/jobs/7", lambda request: request.answer_json(_job("running")))
    process = deceived.start("repack", "--wait")
    wait_for(lambda: any(path == "/api/tukar/jobs/7" for _, path, _ in fake.requests))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, told
    assert "the hub goes on with it by itself" in told
    assert [path for method, path, _ in fake.requests if method == "DELETE"] == []


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (_job("failed", error="the disk is gone"), "the check failed: the disk is gone"),
        (_job("cancelled"), "cancelled"),
    ],
)
def test_a_job_that_does_not_end_well(deceived: Commands, fake: FakeHub, ending: dict[str, object], told: str) -> None:
    fake.says("POST /api/tukar/jobs", lambda request: (request.body(), request.answer_json(ending))[1])
    done = deceived("check")
    assert done.code == 1
    assert told in done.stderr
