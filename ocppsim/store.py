"""The state of one charge point on disk: an SQLite file that survives the process.

Rows are (kind, key) → a text of JSON. A write is one transaction, and is on the disk when `write`
comes back: in the write-ahead log, with ``synchronous=FULL``, that is one fdatasync a commit. (A
rollback journal would take three or four, and its default forgets the last commit when the power
fails.) `Store` also holds every row in memory, so that it can go on, and catch up, when the disk is
full.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sqlite3
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from . import folder
from .clock import timestamp
from .errors import StateError

__all__ = ["Rows", "Store", "file_name"]

Rows = dict[tuple[str, str], str]

_Log = logging.Logger | logging.LoggerAdapter[logging.Logger]

APPLICATION_ID = 0x4F435050  # "OCPP", in the header of the file
VERSION = 1
_MAGIC = b"SQLite format 3\0"
_OWNER = ("about", "chargePoint")
_SUFFIXES = ("", "-wal", "-shm", "-journal")
# primary result codes of SQLite that speak of the content: ERROR (no such table), CORRUPT, NOTADB
_BAD_CONTENT = {1, 11, 26}
_FULL = {10, 13}  # IOERR, FULL


class Store:
    """The rows of one charge point. `open` reads them; `write` changes some; for any thread.

    verify(rows) raises ValueError where they make no sense. file: where they are.
    """

    def __init__(
        self, directory: Path, name: str, log: _Log, verify: Callable[[Rows], object]
    ) -> None:
        self.file = directory / file_name(name)
        self._name = name
        self._log = log
        self._verify = verify
        self._lock = threading.Lock()  # held while the disk writes; nobody is called meanwhile
        self._db: sqlite3.Connection | None = None
        self._rows: Rows = {}
        self._open = False
        self._behind = False  # whether the disk does not have all of the rows

    def open(self) -> None:
        """Read the rows. What is no such file, or a broken one, is set aside, and there are none.

        Twice is harmless. Raises StateError where the folder or the file cannot be used, or is in
        use.
        """
        with self._lock:
            if self._open:
                return
            self.file = folder.claim(self.file.parent, self.file.name)
            try:
                self._rows = self._read()
                self._open = True
            except BaseException:
                self._disconnect()
                folder.release(self.file)
                raise

    def rows(self, kind: str) -> dict[str, str]:
        """key → text, in the order of the keys."""
        with self._lock:
            return {key: text for (of, key), text in sorted(self._rows.items()) if of == kind}

    def write(self, changes: Mapping[tuple[str, str], str | None]) -> None:
        """Change these rows, None deletes; together, and on the disk when it is done.

        A disk that does not take them is reported once; the rows go on in memory, and each `write`
        tries again. Raises StateError where this is closed.
        """
        with self._lock:
            if not self._open:
                raise StateError(f"{self.file} is closed")
            for key, text in changes.items():
                if text is None:
                    self._rows.pop(key, None)
                else:
                    self._rows[key] = text
            self._save(changes)

    def flush(self) -> bool:
        """Try once more what the disk did not take. Whether it has everything."""
        with self._lock:
            if self._open and self._behind:
                self._save({})
            return self._open and not self._behind

    def close(self) -> None:
        """Let go of the file. Twice is harmless."""
        with self._lock:
            if not self._open:
                return
            if self._behind:
                self._save({})
            self._open = self._behind = False
            self._disconnect()
            folder.release(self.file)

    # --- writing ---

    def _save(self, changes: Mapping[tuple[str, str], str | None]) -> None:
        behind, self._behind = self._behind, True
        try:
            if self._db is None:
                self._db = self._connect()
            self._commit(self._db, self._rows if behind else changes, everything=behind)
        except (sqlite3.Error, OSError) as error:
            if not behind:
                text = "%s cannot be written (%s): the transaction queue and the state go on in"
                text += " memory, and what changes now is lost with the process unless the disk"
                self._log.error(text + " works again before", self.file, error)
            return
        self._behind = False
        if behind:
            self._log.warning("%s is written again, and complete", self.file)

    @staticmethod
    def _commit(
        db: sqlite3.Connection,
        changes: Mapping[tuple[str, str], str | None],
        *,
        everything: bool = False,
    ) -> None:
        gone = [key for key, text in changes.items() if text is None]
        kept = [_checked(*key, text) for key, text in changes.items() if text is not None]
        db.execute("BEGIN IMMEDIATE")
        try:
            if everything:
                db.execute("DELETE FROM entries")
            db.executemany("DELETE FROM entries WHERE kind = ? AND key = ?", gone)
            db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)", kept)
            db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise

    # --- opening ---

    def _read(self) -> Rows:
        """The rows of the file, all of them or none."""
        try:
            why = self._foreign()
            if why is None:
                self._db = self._connect()
                rows = self._fetch(self._db)
                self._verify(rows)
                return rows
        except sqlite3.Error as error:
            if (getattr(error, "sqlite_errorcode", 1) & 0xFF) not in _BAD_CONTENT:
                return self._unusable(error)
            why = str(error)
        except ValueError as error:
            why = str(error)
        except StateError:
            raise
        except OSError as error:
            raise StateError(f"the state file {self.file} cannot be read: {error}") from None
        self._disconnect()
        try:
            self._set_aside(why)
        except OSError as error:
            text = f"the state file {self.file} cannot be used: {why}; nor be set aside"
            raise StateError(f"{text}: {error.strerror}") from None
        self._save({_OWNER: json.dumps(self._name)})
        return {_OWNER: json.dumps(self._name)}

    def _unusable(self, error: sqlite3.Error) -> Rows:
        # a full disk, and no file yet: then there is nothing that would be left out
        full = (error.sqlite_errorcode & 0xFF) in _FULL
        if not full or (self.file.exists() and self.file.stat().st_size):
            raise StateError(f"the state file {self.file} cannot be used: {error}") from None
        self._disconnect()
        rows = {_OWNER: json.dumps(self._name)}
        self._rows = rows
        self._save(rows)
        return rows

    def _foreign(self) -> str | None:
        """Why this is no file of ours, from its first bytes: SQLite might change what it opens."""
        try:
            with self.file.open("rb") as file:
                header = file.read(100)
        except FileNotFoundError:
            header = b""
        if not header:
            # SQLite would delete it; it has none of its own before the file has its header
            log = Path(f"{self.file}-wal")
            left = log.exists() and log.stat().st_size
            return "it is gone, but for its write-ahead log" if left else None
        if not header.startswith(_MAGIC) or len(header) < 100:
            return "it is no SQLite file"
        user_version, application_id = (
            struct.unpack_from(">I", header, place)[0] for place in (60, 68)
        )
        if application_id != APPLICATION_ID:
            return "it is the database of another program"
        if user_version > VERSION:
            raise StateError(
                f"the state file {self.file} is of a newer ocppsim (format {user_version});"
                " use that one, or another folder"
            )
        return None

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
        try:
            # nobody else has a business here; and so it opens on a full disk, without shared memory
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA cache_size = -200")
            if not db.execute("PRAGMA application_id").fetchone()[0]:
                self._create(db)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA wal_autocheckpoint = 200")
        except BaseException:
            db.close()
            raise
        return db

    def _create(self, db: sqlite3.Connection) -> None:
        # before the write-ahead log is used, so that the header says from the start whose it is
        db.executescript(
            f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
            " CREATE TABLE entries (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
            " checksum INTEGER NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )
        owner = _checked(*_OWNER, json.dumps(self._name))
        db.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", owner)
        db.execute("COMMIT")
        os.chmod(self.file, 0o600)

    def _fetch(self, db: sqlite3.Connection) -> Rows:
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise ValueError(verdict)
        rows: Rows = {}
        for kind, key, text, checksum in db.execute("SELECT * FROM entries"):
            if _checked(kind, key, text)[3] != checksum:
                raise ValueError(f"the checksum of {kind} {key} is wrong")
            json.loads(text)
            rows[kind, key] = text
        owner = rows.get(_OWNER)
        if owner != json.dumps(self._name):
            raise ValueError(f"it is the state of the charge point {owner}")
        return rows

    def _set_aside(self, why: str) -> None:
        moment = timestamp(timespec="seconds").replace(":", "")
        target = self.file.with_name(f"{self.file.name}.set-aside-{moment}")
        number = 1
        while any(os.path.lexists(f"{target}{suffix}") for suffix in _SUFFIXES):
            number += 1
            target = self.file.with_name(f"{self.file.name}.set-aside-{moment}-{number}")
        for suffix in _SUFFIXES:
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self.file}{suffix}", f"{target}{suffix}")
        text = "the state file %s cannot be used: %s. It is set aside as %s; the charge point"
        self._log.error(text + " starts without state", self.file, why, target.name)

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()


def _checked(kind: str, key: str, text: str) -> tuple[str, str, str, int]:
    """A row with its checksum, as SQLite has none."""
    return kind, key, text, zlib.crc32(f"{kind}\0{key}\0{text}".encode())


def file_name(name: str) -> str:
    """Of the charge point `name`; it lies in no other folder, whatever the name."""
    text = quote(name, safe="")
    if len(text) > 200:
        text = f"{text[:120]}-{hashlib.sha256(name.encode()).hexdigest()}"
    return f"{text}.sqlite3"
