"""Key and certificate of each charge point: those of the configuration, and those saved here.

Under the root every charge point has a folder, and in it every saved pair a folder of its own. The
link ``current`` names the pair in use; it is replaced in one step, so that a crash at any moment
leaves a whole pair in use::

    ROOT/CP1/current -> pair-k3v8…
    ROOT/CP1/pair-k3v8…/key.pem, cert.pem, former -> ../pair-x0a1…
    ROOT/CP1/pair-x0a1…/key.pem, cert.pem
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .errors import CertificateError

__all__ = ["KeyStore", "Pair"]

_PREFIX = "pair-"
_FIELDS = ("id", "key", "cert")
# bytes of a file name; most file systems end at 255
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Pair:
    """A private key and its certificate, followed by those of its issuers: two PEM files.

    source: where they come from, for people.
    """

    key: Path
    cert: Path
    source: str


class KeyStore:
    """Finds the key and the certificate of a charge point, and saves new ones.

    From any thread, and from several processes on one root.
    """

    def __init__(
        self, root: Path | str | None = None, entries: Sequence[Mapping[str, str]] = ()
    ) -> None:
        """root: the folder for what is saved, made when it is needed; None: nothing can be saved.

        entries: ``{"id": "CP1", "key": "cp1.key", "cert": "cp1.pem"}`` each; the id ``*`` stands
        for every charge point. Paths are relative to the root, without one to the working folder.
        Raises ValueError for an entry that is none.
        """
        self.root = None if root is None else Path(root).absolute()
        self._entries: dict[str, Pair] = {}
        for number, entry in enumerate(entries, 1):
            name = _check(entry, number, self._entries)
            base = self.root or Path.cwd()
            source = f"the entry {name!r} of the key store"
            self._entries[name] = Pair(base / entry["key"], base / entry["cert"], source)

    @classmethod
    def from_json(cls, text: str | bytes, root: Path | str | None = None) -> KeyStore:
        """A key store with the entries of a JSON array; else as the class itself."""
        try:
            entries = json.loads(text)
        except (ValueError, RecursionError) as error:
            where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            raise ValueError(f"key store: not JSON{where}") from None
        if not isinstance(entries, list):
            raise ValueError("key store: a JSON array of {id, key, cert} expected")
        return cls(root, entries)

    def __repr__(self) -> str:
        return f"<KeyStore {self.root or 'without a root'}, {len(self._entries)} entries>"

    def find(self, name: str) -> Pair | None:
        """The pair in use: the one saved for this charge point, else its entry, else that of ``*``.

        Its files need not be there, or be good.
        """
        return self._linked(name, "current") or self._entry(name)

    def former(self, name: str) -> Pair | None:
        """The pair that was in use before the last `save`; None where there was none."""
        if self.root is None or self._linked(name, "current") is None:
            return None
        if os.path.lexists(self.root / _folder_name(name) / "current/former"):
            return self._linked(name, "current/former")
        return self._entry(name)

    def save(
        self,
        name: str,
        *,
        cert: str | bytes,
        key: str | bytes | None = None,
        password: str | bytes | None = None,
    ) -> Pair:
        """Put a new pair into use, the whole of it or nothing; the one in use becomes the former,
        unless it is the same.

        cert: the certificate, then those of its issuers (PEM, or DER). key: PEM or DER, saved with
        mode 0600; None keeps the key in use. password: of an encrypted key, which stays encrypted.
        Raises CertificateError where they are not good, do not belong together, or are too weak for
        TLS; ValueError without a root; OSError.
        """
        if self.root is None:
            raise ValueError("the key store has no root: there is no place to save to")
        from . import certificates, tls

        what = f"the new certificate of {name}"
        chain = certificates.load_chain(cert, what)
        with self._locked(name) as folder:
            before = self.find(name)
            if key is not None:
                key_what = f"the new key of {name}"
            elif before is None:
                raise CertificateError(f"{name} has no key in use that {what} could belong to")
            else:
                key, key_what = certificates.read(before.key), str(before.key)
            private = certificates.load_key(key, key_what, password)
            certificates.check_pair(chain, private, what=what, key_what=key_what)
            files = (
                certificates.key_pem(key, private, password),
                certificates.to_pem(chain).encode(),
            )
            former = self._linked(name, "current")
            if former is not None and _content(former) == files:
                return former  # else it would be its own former one
            new = _write_pair(folder, *files, None if former is None else former.key.parent.name)
            try:
                if refusal := tls.refusal(_pair(new), password):
                    raise CertificateError(f"{what}: {refusal}")
                _switch(folder, new.name)
            except BaseException:
                _switch_back(folder, None if former is None else former.key.parent.name, new)
                raise
            _clean(folder, {new.name, *([former.key.parent.name] if former else [])})
            return _pair(new)

    def restore(self, name: str) -> bool:
        """Make the former pair the one in use again, and forget the other; False without one."""
        if self.former(name) is None:
            return False
        with self._locked(name) as folder:
            former = self.former(name)
            if former is None:  # another has just done it
                return False
            if former.key.parent.parent == folder:
                _switch(folder, former.key.parent.name)
                _clean(folder, {former.key.parent.name})
            else:
                # before the first that was saved, an entry was in use
                (folder / "current").unlink()
                _sync(folder)
                _clean(folder, set())
            return True

    # --- inside ---

    def _entry(self, name: str) -> Pair | None:
        return self._entries.get(name) or self._entries.get("*")

    def _linked(self, name: str, link: str) -> Pair | None:
        """The saved pair that a link of this charge point leads to."""
        if self.root is None or not name:
            return None
        generation = self._generation(self.root / _folder_name(name) / link)
        return None if generation is None else _pair(generation)

    @staticmethod
    def _generation(link: Path) -> Path | None:
        """Where a link leads; never to another folder than the charge point's own."""
        try:
            target = os.path.basename(os.readlink(link))
        except OSError:
            return None
        folder = link.parent
        if link.name == "former":
            folder = folder.parent
        generation = folder / target
        if not target.startswith(_PREFIX) or not _is_folder(generation) or not _is_folder(folder):
            return None
        return generation

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[Path]:
        """The folder of this charge point, for one writer at a time."""
        if not name:
            raise ValueError("a charge point without a name has no place in the key store")
        assert self.root is not None
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = self.root / _folder_name(name)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            _sync(self.root)
        if not _is_folder(folder):
            raise NotADirectoryError(f"{folder}: not a folder; the key store keeps a pair there")
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(descriptor)


def _folder_name(name: str) -> str:
    """One for each name, without a slash, and neither ``.`` nor ``..``."""
    text = quote(name, safe="", errors="surrogatepass")
    if text.startswith("."):
        text = "%2E" + text[1:]
    if len(text) > _LONGEST:
        # "%~" stands in no other
        text = "%~" + hashlib.sha256(text.encode()).hexdigest()
    return text


def _check(entry: Any, number: int, others: Mapping[str, Pair]) -> str:
    """The id of an entry. Values are not quoted: some people write keys where paths belong."""
    where = f"key store: entry {number}"
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: {{id, key, cert}} expected")
    name = entry.get("id")
    if isinstance(name, str) and name:
        where += f" ({name!r})"
    for field in _FIELDS:
        value = entry.get(field)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{where}: {field} is missing, or no text")
        if field != "id" and not value.isprintable():
            raise ValueError(f"{where}: {field} is not the path of a file")
    if unknown := [str(field) for field in entry if field not in _FIELDS]:
        raise ValueError(f"{where}: no such field: {', '.join(unknown)} (there are id, key, cert)")
    if name in others:
        raise ValueError(f"{where}: there is one with this id before")
    return str(name)


def _pair(folder: Path) -> Pair:
    return Pair(folder / "key.pem", folder / "cert.pem", f"saved in {folder.parent}")


def _content(pair: Pair) -> tuple[bytes, bytes] | None:
    try:
        return pair.key.read_bytes(), pair.cert.read_bytes()
    except OSError:
        return None


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _write_pair(folder: Path, key: bytes, cert: bytes, former: str | None) -> Path:
    """A new folder in `folder` with both files, all of it on the disk."""
    new = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))  # of mode 0700
    try:
        _write(new / "key.pem", key, 0o600)
        _write(new / "cert.pem", cert, 0o644)
        if former is not None:
            os.symlink(os.path.join("..", former), new / "former")
        _sync(new)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return new


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _switch(folder: Path, generation: str) -> None:
    """Make this pair the one in use."""
    link = folder / "current.new"
    link.unlink(missing_ok=True)  # of a crash
    os.symlink(generation, link)
    os.replace(link, folder / "current")
    _sync(folder)


def _switch_back(folder: Path, former: str | None, new: Path) -> None:
    """After a `_switch` that failed: what was in use stays in use, as far as the disk lets it."""
    with contextlib.suppress(OSError):
        if KeyStore._generation(folder / "current") == new:
            if former is None:
                (folder / "current").unlink()
            else:
                _switch(folder, former)
        shutil.rmtree(new, ignore_errors=True)


def _clean(folder: Path, keep: set[str]) -> None:
    """Remove the pairs that nobody needs, those of a crash too."""
    for path in folder.glob(f"{_PREFIX}*"):
        if path.name not in keep and _is_folder(path):
            shutil.rmtree(path, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
