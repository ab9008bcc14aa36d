"""The hooks that are not tied to one action. Those of OCPP 1.6's actions: `ocppsim.v16.hookspecs`.

A plugin implements hooks as functions (of a module, or methods of an object) marked with
``@hookimpl``; it takes the arguments that it needs, by their names.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from .errors import ConnectionLost
from .trace import TracedFrame

if TYPE_CHECKING:
    from .chargepoint import ChargePoint
    from .request import Request

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("ocppsim")
hookimpl = pluggy.HookimplMarker("ocppsim")


@hookspec(firstresult=True)
def ocppsim_trigger(cp: ChargePoint, request: Request, requestedMessage: str) -> Any:
    """Answer a TriggerMessage or an ExtendedTriggerMessage (see ``request.action``) for one
    message.

    Asked before the hook of the action itself, so that several plugins may serve several messages.
    Return or do what any handler may; None leaves it to the next.
    """


@hookspec(firstresult=True)
def ocppsim_call(cp: ChargePoint, request: Request) -> Any:
    """Answer a request that neither the script nor any other hook has answered: vendor actions, and
    catch-alls. Return or do what any handler may; None leaves it to the next."""


@hookspec
def ocppsim_created(cp: ChargePoint) -> None:
    """A charge point was made; it is not connected yet. The place to set up what belongs to it."""


@hookspec
def ocppsim_connected(cp: ChargePoint) -> None:
    """The charge point is connected, again after each reconnect; nothing has been received yet.

    In the thread that connects. It must not block on the CSMS, and send nothing unasked.
    """


@hookspec
def ocppsim_disconnected(cp: ChargePoint, reason: ConnectionLost) -> None:
    """The connection has ended, by either side. In the reader thread: it must not block."""


@hookspec
def ocppsim_connect_failed(cp: ChargePoint, error: Exception) -> None:
    """An attempt to connect again by itself has failed (ConnectError, CertificateError); what fails
    by hand raises there. It must not block."""


@hookspec
def ocppsim_closed(cp: ChargePoint) -> None:
    """`close` was called: what the plugin has running for this charge point ends here, threads of
    its own too. Each time; a `reconnect` may follow."""


@hookspec
def ocppsim_frame(cp: ChargePoint, frame: TracedFrame) -> None:
    """A frame was sent or received: every one, in the order of the wire, before a call returns for
    it and before a handler starts. It must not block."""


@hookspec
def ocppsim_add_options(parser: argparse._ArgumentGroup) -> None:
    """Add options of the plugin's own to the command line; `parser` is its group there."""


@hookspec
def ocppsim_configure(options: argparse.Namespace) -> None:
    """The options as given; in a program without a command line, their defaults. Once, before any
    charge point is made."""


@hookspec(firstresult=True)
def ocppsim_script(options: argparse.Namespace) -> Sequence[str] | None:
    """The script to run, where the command line names none and an option of the plugin asks for
    one: its path, and its arguments. None where this is not for the plugin."""
