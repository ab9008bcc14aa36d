"""Rows on disk: what survives, what is refused, what is set aside, and a disk that is full."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import environment, python
from hypothesis import given
from hypothesis import strategies as st

from ocppsim.errors import StateError
from ocppsim.store import Rows, Store, file_name

LOG = logging.getLogger("ocppsim.cp")
SOME: dict[tuple[str, str], str | None] = {
    ("message", "000000000001"): '{"action":"MeterValues"}',
    ("state", "meter"): "17",
}


def store(folder: Path, name: str = "CP1") -> Store:
    return Store(folder, name, LOG, lambda rows: None)


@contextlib.contextmanager
def opened(folder: Path, name: str = "CP1") -> Iterator[Store]:
    one = store(folder, name)
    one.open()
    try:
        yield one
    finally:
        one.close()


def fill(folder: Path, changes: dict[tuple[str, str], str | None] = SOME) -> Path:
    with opened(folder) as one:
        one.write(changes)
        return one.file


def rows_of(one: Store) -> dict[str, dict[str, str]]:
    return {kind: one.rows(kind) for kind in ("message", "state")}


FILLED = {"message": {"000000000001": '{"action":"MeterValues"}'}, "state": {"meter": "17"}}
EMPTY: dict[str, dict[str, str]] = {"message": {}, "state": {}}


def test_rows_are_there_again(tmp_path: Path) -> None:
    fill(tmp_path / "new" / "folder")
    with opened(tmp_path / "new" / "folder") as one:
        assert rows_of(one) == FILLED
        one.write({("message", "000000000001"): None})
    with opened(tmp_path / "new" / "folder") as one:
        assert rows_of(one) == {**FILLED, "message": {}}


def test_a_write_that_came_back_survives_a_kill(tmp_path: Path) -> None:
    script = """
        import logging, os, signal, sys
        from pathlib import Path
        from ocppsim.store import Store
        store = Store(Path(sys.argv[1]), "CP1", logging.getLogger(), lambda rows: None)
        store.open()
        for number in range(50):
            store.write({("state", f"{number:02}"): str(number)})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = python("-", tmp_path, stdin=script)
    assert done.returncode == -signal.SIGKILL
    with opened(tmp_path) as one:
        assert list(one.rows("state").values()) == [str(number) for number in range(50)]


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    file = fill(tmp_path / "folder")
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_a_closed_one_takes_nothing(tmp_path: Path) -> None:
    one = store(tmp_path)
    one.open()
    one.close()
    with pytest.raises(StateError, match="is closed"):
        one.write(SOME)


# --- the name of the file ------------------------------------------------------------------------


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_file_lies_in_its_folder_whatever_the_name(one: str, other: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in one + other):
        return  # comes from no URL
    name = file_name(one)
    assert Path("/folder", name).parent == Path("/folder")
    assert os.path.normpath(f"/folder/{name}") == f"/folder/{name}"
    assert len(name) < 255 - len(".set-aside-2026-01-31T120000Z-99-journal")
    assert (name == file_name(other)) == (one == other)


# --- one at a time -------------------------------------------------------------------------------


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    script = """
        import logging, sys
        from pathlib import Path
        from ocppsim.store import Store
        Store(Path(sys.argv[1]), "CP2", logging.getLogger(), lambda rows: None).open()
    """
    with opened(tmp_path):
        refused = python("-", tmp_path, stdin=script)
    said = f"another process (pid {os.getpid()}) keeps its state in the folder {tmp_path}"
    assert said in refused.stderr.splitlines()[-1]
    assert "StateError" in refused.stderr
    assert python("-", tmp_path, stdin=script).returncode == 0


def test_one_name_once_in_a_process(tmp_path: Path) -> None:
    refused = pytest.raises(StateError, match=r"CP1\.sqlite3 is in use in this process")
    with opened(tmp_path), opened(tmp_path, "CP2"), refused:
        store(tmp_path / ".." / tmp_path.name).open()
    with opened(tmp_path) as one:
        one.open()
    with opened(tmp_path):
        pass


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"no state can be kept in the folder .*file.*: Not a dir"):
        store(tmp_path / "file" / "folder").open()


# --- what is not ours ----------------------------------------------------------------------------


def set_aside(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if "set-aside" in path.name]


def assert_set_aside(
    file: Path, caplog: pytest.LogCaptureFixture, why: str, content: bytes | None = None
) -> None:
    """`file` is opened, found wrong, and kept under another name."""
    content = file.read_bytes() if content is None else content
    caplog.clear()
    with opened(file.parent) as one:
        assert rows_of(one) == EMPTY
        one.write({("state", "new"): "1"})
    (kept,) = set_aside(file.parent)
    assert kept.read_bytes() == content
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert re.search(why, record.getMessage()), record.getMessage()
    assert str(file) in record.getMessage()
    assert kept.name in record.getMessage()
    with opened(file.parent) as one:
        assert one.rows("state") == {"new": "1"}
    assert set_aside(file.parent) == [kept]


@pytest.mark.parametrize(
    "content", [b"this is a letter\n", b"\0" * 4096, b"SQLite format 3\0", b"SQLite"], ids=range(4)
)
def test_what_is_no_database_is_set_aside(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / file_name("CP1")
    file.write_bytes(content)
    assert_set_aside(file, caplog, "it is no SQLite file")


@pytest.mark.parametrize("left", ["nothing", "an empty file"])
def test_a_write_ahead_log_without_its_file_is_set_aside(
    left: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite would delete it, and with it all that was written since the last checkpoint."""
    with opened(tmp_path) as one:
        one.write(SOME)
        shutil.copytree(tmp_path, tmp_path / "killed")
    file = tmp_path / "killed" / one.file.name
    log = Path(f"{file}-wal").read_bytes()
    assert log
    file.unlink()
    if left == "an empty file":
        file.touch()
    with opened(file.parent) as again:
        assert rows_of(again) == EMPTY
    assert "it is gone, but for its write-ahead log" in caplog.text
    assert log in [path.read_bytes() for path in set_aside(file.parent)]


def test_the_database_of_another_program_is_set_aside_untouched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / file_name("CP1")
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE entries (kind, key, value)")
    assert_set_aside(file, caplog, "the database of another program")


def test_the_file_of_another_charge_point_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path, "CP2") as other:
        other.write(SOME)
    file = other.file.rename(tmp_path / file_name("CP1"))
    assert_set_aside(file, caplog, 'the state of the charge point "CP2"')


def test_a_damaged_file_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = fill(tmp_path)
    content = bytearray(file.read_bytes())
    content[-200:] = b"\xff" * 200
    file.write_bytes(content)
    assert_set_aside(file, caplog, "cannot be used: .+")


def test_what_makes_no_sense_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def verify(rows: Rows) -> None:
        if ("state", "meter") in rows:
            raise ValueError("a meter is none of its entries")

    fill(tmp_path)
    one = Store(tmp_path, "CP1", LOG, verify)
    one.open()
    assert rows_of(one) == EMPTY
    one.close()
    assert "a meter is none of its entries" in caplog.text
    assert len(set_aside(tmp_path)) == 1


def test_nothing_that_was_set_aside_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / file_name("CP1")
    for number in range(3):
        file.write_text(f"letter {number}")
        with opened(tmp_path):
            pass
    kept = sorted(path.read_text() for path in set_aside(tmp_path))
    assert kept == [f"letter {number}" for number in range(3)]


def test_where_it_cannot_be_set_aside_it_is_refused_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / file_name("CP1")
    file.write_text("a letter")

    def rename(*paths: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", rename)  # root may do everything
    with pytest.raises(StateError, match=r"no SQLite file; nor be set aside: Permission denied$"):
        store(tmp_path).open()
    assert file.read_text() == "a letter"


def test_a_file_of_a_newer_version_is_refused_and_stays(tmp_path: Path) -> None:
    file = fill(tmp_path)
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 2")
    content = file.read_bytes()
    with pytest.raises(StateError, match=r"^the state file .* is of a newer ocppsim"):
        store(tmp_path).open()
    assert file.read_bytes() == content
    assert set_aside(tmp_path) == []


@given(st.data())
def test_whatever_is_damaged_it_is_never_half_read(data: st.DataObject) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        rows: dict[tuple[str, str], str | None] = {
            ("message", f"{number:012}"): json.dumps({"number": number, "text": "x" * 60})
            for number in range(40)
        }
        file = fill(folder, rows)
        content = bytearray(file.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.sampled_from([1, 1, 2, 50, 5000]))
        damage = data.draw(st.sampled_from([b"\0", b"\xff", b"a", bytes([content[place] ^ 1])]))
        if data.draw(st.booleans()):
            content[place : place + length] = damage * len(content[place : place + length])
        else:
            del content[place:]
        file.write_bytes(content)
        try:
            with opened(folder) as one:
                found = one.rows("message")
        except StateError:  # it seems to be newer
            assert file.read_bytes() == content
            return
        if set_aside(folder):
            assert found == {}
        elif content:
            assert found == {key: text for (_, key), text in rows.items()}
    finally:
        shutil.rmtree(folder)


# --- a full disk ---------------------------------------------------------------------------------


def test_a_full_disk_is_told_once_and_caught_up_with(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as one:
        one.write(SOME)
        db = one._db
        assert db is not None
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        large = json.dumps("x" * 100_000)
        one.write({("state", "large"): large})
        one.write({("state", "small"): "1", ("state", "meter"): None})
        assert one.rows("state") == {"large": large, "small": "1"}
        assert not one.flush()
        (record,) = caplog.records
        assert record.levelname == "ERROR"
        assert "database or disk is full" in record.getMessage()
        db.execute("PRAGMA max_page_count = 1000")
        one.write({("state", "last"): "2"})
        assert one.flush()
    assert "written again" in caplog.text
    with opened(tmp_path) as one:
        assert one.rows("state") == {"large": large, "small": "1", "last": "2"}
        assert one.rows("message") == FILLED["message"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def make_full(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 512)
    return ballast


def test_a_disk_that_is_really_full(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(small_disk)
    ballast = make_full(small_disk)
    with opened(small_disk) as one:  # what is there can be read
        assert rows_of(one) == FILLED
        one.write({("state", "a"): json.dumps("x" * 5000)})
        one.write({("state", "meter"): "18"})
        assert one.rows("state")["meter"] == "18"
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        ballast.unlink()
        one.write({("state", "b"): "2"})
        assert one.flush()
    with opened(small_disk) as one:
        assert one.rows("state").keys() == {"a", "b", "meter"}


def test_a_disk_that_was_full_from_the_start(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ballast = make_full(small_disk)
    with opened(small_disk) as one:
        one.write(SOME)
        assert rows_of(one) == FILLED
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        ballast.unlink()
        assert one.flush()
    with opened(small_disk) as one:
        assert rows_of(one) == FILLED


# --- a commit is on the disk ---------------------------------------------------------------------


def test_sqlite_is_told_to_wait_for_the_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as one:
        db = one._db
        assert db is not None
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_kernel_is_asked_to_write_each_commit_through(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import logging, os, sys
        from pathlib import Path
        from ocppsim.store import Store
        store = Store(Path(sys.argv[1]), "CP1", logging.getLogger(), lambda rows: None)
        store.open()
        for number in range(20):
            store.write({("state", "n"): str(number)})
            os.write(1, b"written\\n")
    """)
    )
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write,pwrite64", "-o", str(trace)]
    done = subprocess.run(
        [*command, sys.executable, str(script), str(tmp_path / "state")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    if "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    # before each of the 20 lines the log of the database is written, then written through
    steps = re.findall(r"(pwrite64|fdatasync|fsync)\(\d+<[^>]*-wal>|(written)", trace.read_text())
    told = " ".join(call or word for call, word in steps)
    assert told.count("written") == 20
    for before in told.split("written")[:-1]:
        assert re.search(r"pwrite64 (fdatasync|fsync) $", before), told
