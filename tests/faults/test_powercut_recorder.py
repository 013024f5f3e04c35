"""The recorder sees what a real program does, whatever call it uses, and says so where it does not."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from .powercut import RecordingError, Trace, can_record, record
from .powercut.recording import contents

pytestmark = pytest.mark.skipif(not can_record(), reason="needs Linux and gcc")

PREAMBLE = """
import ctypes, fcntl, mmap, os, shutil, subprocess, sys, tempfile, threading
from pathlib import Path
from faults.powercut import mark

root = Path(sys.argv[1])
libc, LONG = ctypes.CDLL(None), ctypes.c_long
os.chdir(root)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "old").mkdir(parents=True)
    (folder / "old/file").write_bytes(b"0123456789")
    return folder


def run(root: Path, script: str, timeout: float = 60) -> Trace:
    return record([sys.executable, "-c", PREAMBLE + dedent(script), root], root, timeout=timeout)


CHANGES = {
    "open for writing": "open('new', 'wb').write(b'some bytes')",
    "open for appending": "open('old/file', 'ab').write(b'more')",
    "truncate by opening": "open('old/file', 'wb').close()",
    "read and write": "f = open('old/file', 'r+b'); f.seek(3); f.write(b'X'); f.seek(20); f.write(b'Y')",
    "write by lines": "[print('line', n, file=f) for f in [open('text', 'w', buffering=1)] for n in range(9)]",
    "an absolute path": "(root / 'new').write_bytes(b'x')",
    "a path with dots": "(root / 'old' / '..' / 'old' / '.' / 'new').write_bytes(b'x')",
    "a path through a link": "os.symlink(root, '../link'); Path('../link/old/new').write_bytes(b'x')",
    "a link to a file": "os.symlink('old/file', 'link'); Path('link').write_bytes(b'through')",
    "below an open folder": """
        folder = os.open('old', os.O_RDONLY)
        os.write(os.open('new', os.O_CREAT | os.O_WRONLY, dir_fd=folder), b'x')
        os.mkdir('d', dir_fd=folder)
        os.rename('new', 'newer', src_dir_fd=folder, dst_dir_fd=folder)
        os.link('newer', 'twin', src_dir_fd=folder, dst_dir_fd=folder)
        os.unlink('file', dir_fd=folder)
        os.symlink('text', 'link', dir_fd=folder)
        os.rmdir('d', dir_fd=folder)
        """,
    "a folder that is moved while open": """
        folder = os.open('old', os.O_RDONLY)
        os.rename('old', 'moved')
        os.write(os.open('new', os.O_CREAT | os.O_WRONLY, dir_fd=folder), b'x')
        """,
    "pwrite": "os.pwrite(os.open('old/file', os.O_WRONLY), b'XY', 30)",
    "pwrite to what appends": "os.pwrite(os.open('old/file', os.O_WRONLY | os.O_APPEND), b'XY', 3)",
    "writev": "os.writev(os.open('old/file', os.O_WRONLY), [b'ab', b'', b'cdefghijklmnop'])",
    "pwritev": "os.pwritev(os.open('old/file', os.O_WRONLY), [b'ab', b'cd'], 5)",
    "ftruncate": "os.ftruncate(os.open('old/file', os.O_WRONLY), 4)",
    "truncate to more": "os.truncate('old/file', 4000)",
    "posix_fallocate": "os.posix_fallocate(os.open('old/file', os.O_WRONLY), 5, 100)",
    "fallocate beyond the end": "libc.fallocate(os.open('old/file', os.O_WRONLY), 1, LONG(0), LONG(99))",
    "rename": "os.rename('old/file', 'file')",
    "rename over a file": "Path('a').write_bytes(b'a'); os.replace('a', 'old/file')",
    "rename a folder": "os.mkdir('old/in'); os.rename('old', 'new'); Path('new/in/file').write_bytes(b'x')",
    "rename a folder over an empty one": "os.mkdir('new'); os.rename('old', 'new')",
    "exchange": "Path('a').write_bytes(b'a'); libc.renameat2(-100, b'a', -100, b'old/file', 2)",
    "link": "os.link('old/file', 'twin'); Path('twin').write_bytes(b'both')",
    "unlink": "os.unlink('old/file')",
    "remove a tree": "shutil.rmtree('old')",
    "libc's remove": "libc.remove(b'old/file'); libc.remove(b'old')",
    "a file without a name": "f = open('a', 'wb'); os.unlink('a'); f.write(b'x'); f.flush(); os.fsync(f.fileno())",
    "a temporary file": "tempfile.TemporaryFile(dir=root).write(b'x')",
    "a named temporary file": "tempfile.NamedTemporaryFile(dir=root, delete=False).write(b'x')",
    "dup": "f = os.open('a', os.O_CREAT | os.O_WRONLY); g = os.dup(f); os.close(f); os.write(g, b'x')",
    "dup2": "f = os.open('a', os.O_CREAT | os.O_WRONLY); os.dup2(f, 77); os.close(f); os.write(77, b'x')",
    "fcntl": "f = os.open('a', os.O_CREAT | os.O_WRONLY); os.write(fcntl.fcntl(f, fcntl.F_DUPFD, 50), b'x')",
    "a copy of a file": "Path('big').write_bytes(os.urandom(300_000)); shutil.copyfile('big', 'copy')",
    "a copied tree": "shutil.copytree('old', 'new')",
    "a locked file": "f = open('old/file', 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); f.write(b'X')",
    "threads": """
        def work(number):
            with open('all', 'ab', buffering=0) as log:
                for turn in range(50):
                    Path(f'{number}').write_bytes(b'%d' % turn)
                    os.rename(f'{number}', f'{number}-done')
                    log.write(b'%d,' % number)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        [t.start() for t in threads]; [t.join() for t in threads]
        """,
    "processes": """
        code = "import os, sys; name, f = sys.argv[1], open('all', 'ab', 0); " \\
            "[f.write(name.encode()) and os.link('all', name + str(n)) for n in range(50)]"
        processes = [subprocess.Popen([sys.executable, '-c', code, name]) for name in 'abc']
        assert all(p.wait() == 0 for p in processes)
        """,
    "forks": """
        f = os.open('all', os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        children = []
        for n in range(4):
            pid = os.fork()
            if pid == 0:
                for turn in range(50):
                    os.write(f, b'%d' % n)
                    Path(f'{n}').write_bytes(b'%d' % turn)
                os._exit(0)
            children.append(pid)
        assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
        """,
    "a descriptor that starting a process leaves alone": """
        f = os.open('a', os.O_CREAT | os.O_WRONLY)
        os.write(f, b'before ')
        subprocess.run(['true'], close_fds=True, check=True)
        os.write(f, b'after')
        """,
    "a number that closedir freed unseen": """
        folder = os.open('old', os.O_RDONLY)
        numbers = []
        for _ in range(3):
            with os.scandir(folder) as entries:
                list(entries)
            ends = os.pipe()
            os.write(ends[1], b'not for the folder')
        """,
    "many descriptors closed at once": """
        f = os.open('a', os.O_CREAT | os.O_WRONLY)
        os.closerange(f, 2000)
        os.write(os.open('b', os.O_CREAT | os.O_WRONLY), b'x')
        """,
}


@pytest.mark.parametrize("script", CHANGES.values(), ids=CHANGES.keys())
def test_every_way_to_change_something_is_seen(root: Path, script: str) -> None:
    before = contents(root)
    trace = run(root, script)  # which compares what was recorded with what is there
    assert trace.newest() == contents(root)
    assert len(trace.cuts()) > 1 or contents(root) == before


SYNCS = {
    "fsync": "os.fsync(f)",
    "fdatasync": "os.fdatasync(f)",
    "fsync of another descriptor": "os.fsync(os.open('a', os.O_RDONLY))",
    "fsync of a copy of the descriptor": "os.fsync(os.dup(f))",
    "sync": "os.sync()",
    "syncfs": "libc.syncfs(f)",
}


@pytest.mark.parametrize("sync", SYNCS.values(), ids=SYNCS.keys())
def test_every_way_to_sync_is_seen(root: Path, tmp_path: Path, sync: str) -> None:
    trace = run(root, f"f = os.open('a', os.O_CREAT | os.O_RDWR); os.fsync(os.open('.', 0)); os.write(f, b'x'); {sync}")
    trace.build(trace.cuts()[-2], 0, "strict", tmp_path / "before")
    trace.build(trace.cuts()[-1], 0, "strict", tmp_path / "after")
    assert (tmp_path / "before/a").read_bytes() == b""
    assert (tmp_path / "after/a").read_bytes() == b"x"


def test_writing_pages_out_is_no_sync(root: Path, tmp_path: Path) -> None:
    trace = run(
        root,
        """
        f = os.open('a', os.O_CREAT | os.O_RDWR)
        os.fsync(os.open('.', 0))
        os.write(f, b'x')
        libc.sync_file_range(f, LONG(0), LONG(0), 7)
        """,
    )
    trace.build(trace.cuts()[-1], 0, "strict", tmp_path / "after")
    assert (tmp_path / "after/a").read_bytes() == b""


def test_markers_stand_where_they_were_made(root: Path) -> None:
    trace = run(
        root,
        """
        mark(root, 'first')
        Path('a').touch()
        mark(root, 'second // with / anything é')
        mark('.', 'third')
        Path('b').touch()
        """,
    )
    assert [trace.markers_before(cut) for cut in trace.cuts()] == [
        ["first"],
        ["first", "second // with / anything é", "third"],
        ["first", "second // with / anything é", "third"],
    ]


def test_a_marker_leaves_no_file(root: Path) -> None:
    run(root, "mark(root, 'text')")
    assert sorted(contents(root)) == ["old", "old/file"]


def test_without_a_recorder_a_marker_does_nothing(root: Path) -> None:
    from .powercut import mark

    mark(root, "text")
    assert sorted(contents(root)) == ["old", "old/file"]


def test_what_happens_elsewhere_is_not_recorded(root: Path) -> None:
    trace = run(root, "Path('../elsewhere').write_bytes(b'x'); os.mkdir('../root2'); Path('../root2/a').touch()")
    assert trace.cuts() == [0]


def test_what_is_only_read_is_not_a_change(root: Path) -> None:
    trace = run(root, "Path('old/file').read_bytes(); list(os.walk('.')); os.stat('old/file')")
    assert len(trace.cuts()) == 1


VOID = {
    "a shared mapping": "mmap.mmap(os.open('old/file', os.O_RDWR), 10)[0] = 65",
    "a file moved in": "Path('../out').touch(); os.rename('../out', 'in')",
    "a file moved out": "os.rename('old/file', '../out')",
    "a link to a file outside": "Path('../out').touch(); os.link('../out', 'in')",
    "a call by number": "libc.syscall(83, b'folder', 0o755)",
    "a call inside libc": "libc.mkstemp(ctypes.create_string_buffer(b'nameXXXXXX'))",
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="calls by number: those of x86-64")
@pytest.mark.parametrize("script", VOID.values(), ids=VOID.keys())
def test_what_the_recorder_cannot_follow_is_an_error(root: Path, script: str) -> None:
    with pytest.raises(RecordingError, match=r"void|behind"):
        run(root, script)


def test_the_mapping_of_a_shm_file_is_allowed(root: Path) -> None:
    run(root, "Path('db-shm').write_bytes(bytes(10)); mmap.mmap(os.open('db-shm', os.O_RDWR), 10)[0] = 65")


def test_a_program_that_fails_is_an_error(root: Path) -> None:
    with pytest.raises(RecordingError, match="no such thing"):
        run(root, "sys.exit('no such thing')")


def test_a_program_that_does_not_end_is_an_error(root: Path) -> None:
    with pytest.raises(RecordingError, match="did not end"):
        run(root, "threading.Event().wait()", timeout=0.5)


def test_the_programs_output_is_kept(root: Path) -> None:
    assert run(root, "print('seen')").output == "seen\n"


def test_a_crash_state_can_be_recorded_in_turn(root: Path, tmp_path: Path) -> None:
    first = run(root, "Path('a').write_bytes(b'x'); os.sync(); Path('b').write_bytes(b'y')")
    first.build(first.cuts()[-1], 0, "strict", tmp_path / "state")
    second = run(tmp_path / "state", "Path('c').write_bytes(Path('a').read_bytes())")
    second.build(second.cuts()[-1], 0, "strict", tmp_path / "again")
    assert sorted(contents(tmp_path / "again")) == ["a", "old", "old/file"]
