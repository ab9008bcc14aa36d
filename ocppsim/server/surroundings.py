"""What a script finds that came over HTTP: `cp`, and a `connect` that knows its charge point."""

from __future__ import annotations

import builtins
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import ocppsim

from ..address import Address
from ..chargepoint import ChargePoint
from .output import Output

if TYPE_CHECKING:
    from .fleet import Entry

__all__ = ["surroundings"]

_import, _print = builtins.__import__, builtins.print
_CHANGES = {"url", "user", "password", "security_profile"}


def surroundings(entry: Entry, *, needs_cp: bool, output: Output) -> dict[str, Any]:
    """The names of a script. `connect`, also that of ``from ocppsim import connect``, is about the
    charge point of `entry`, where neither name nor URL name another; `print` prints to `output`, in
    each thread, and later in handlers.

    needs_cp: have a `cp`, even if nobody has made it yet. Raises as `ocppsim.connect`.
    """

    def connect(url: str | None = None, *, name: str | None = None, **options: Any) -> ChargePoint:
        """`ocppsim.connect`; without another name, the charge point of this script, connected."""
        if (name or _last_part(url) or entry.name) != entry.name:
            return ocppsim.connect(url, name=name, **options)
        if url is not None:
            options["url"] = url
        if entry.cp is None:
            entry.options.update(options)
            return entry.connect()
        if options.keys() <= {"url"} and (url is None or _same(url, entry.cp)):
            return entry.connect()
        if options.keys() <= _CHANGES:
            return entry.connect(**options)
        return entry.replace(**options)

    # the script's own; what others import stays as it is, whatever it does to these
    face = ModuleType("ocppsim", ocppsim.__doc__)
    face.__dict__.update({**vars(ocppsim), "connect": connect})
    own = ModuleType("builtins", builtins.__doc__)

    def importing(
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> ModuleType:
        module = _import(name, globals, locals, fromlist, level)
        if module is builtins:
            return own
        return face if module is ocppsim and (name == "ocppsim" or not fromlist) else module

    def printing(*values: object, file: Any = None, **options: Any) -> None:
        _print(*values, file=output if file is None else file, **options)

    own.__dict__.update({**vars(builtins), "__import__": importing, "print": printing})
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": own, "connect": connect}
    if entry.cp is not None or needs_cp:
        names["cp"] = entry.prepare()
    return names


def _same(url: str, cp: ChargePoint) -> bool:
    address = Address.parse(url, name=cp.name)
    return address.url == cp.url and address.user is None and address.password is None


def _last_part(url: str | None) -> str | None:
    """The charge point that a URL names; None where it names none."""
    if not url or not urlsplit(url).path.strip("/"):
        return None
    return Address.parse(url).name
