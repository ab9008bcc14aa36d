"""The hooks: requests go to the station of the charge point; without one others have them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ocppsim import ChargePoint, ConnectionLost, Request, TracedFrame, hookimpl
from ocppsim.protocol import snake_case
from ocppsim.v16.actions import PROTOCOL

from . import command
from .requests import TRIGGERS, Requests
from .station import find, known


@hookimpl
def ocppsim_created(cp: ChargePoint) -> None:
    known.add(cp)


@hookimpl
def ocppsim_connected(cp: ChargePoint) -> None:
    station = find(cp)
    if station is not None:
        station._connected()


@hookimpl
def ocppsim_disconnected(cp: ChargePoint, reason: ConnectionLost) -> None:
    station = find(cp)
    if station is not None:
        station._disconnected()


@hookimpl
def ocppsim_closed(cp: ChargePoint) -> None:
    station = find(cp)
    if station is not None:
        station.close()


@hookimpl
def ocppsim_frame(cp: ChargePoint, frame: TracedFrame) -> None:
    station = find(cp)
    if station is not None:
        station._saw(frame)


@hookimpl
def ocppsim_add_options(parser: argparse._ArgumentGroup) -> None:
    command.add_options(parser)


@hookimpl
def ocppsim_script(options: argparse.Namespace) -> list[str] | None:
    return command.script(options)


@hookimpl
def ocppsim_trigger(cp: ChargePoint, request: Request) -> Any:
    """A station answers, where one lives."""
    return _answer(cp, request)


@hookimpl(tryfirst=True, specname="ocppsim_trigger")
def silent_trigger(cp: ChargePoint, request: Request) -> Any:
    """A station whose boot was rejected says nothing."""
    return _silence(cp, request)


@hookimpl(tryfirst=True, specname="ocppsim_call")
def silent_call(cp: ChargePoint, request: Request) -> Any:
    """A station whose boot was rejected says nothing."""
    return _silence(cp, request)


def _silence(cp: ChargePoint, request: Request) -> Any:
    """While Rejected, a charge point says nothing at all (OCPP 1.6 §4.2.1)."""
    station = find(cp)
    if station is None or station.registration != "Rejected":
        return None
    cp.log("%s is not answered: the boot was rejected", request.action)
    return request.no_reply()


def _answer(cp: ChargePoint, request: Request) -> Any:
    station = find(cp)
    return None if station is None else station._requests.answer(request)


def _hooks() -> dict[str, Callable[..., Any]]:
    """For each action of the central system one that keeps silent, before those of others; and one
    that answers, where a station has an answer."""
    found: dict[str, Callable[..., Any]] = {}
    for action in PROTOCOL.from_csms:
        hook = PROTOCOL.hook_prefix + snake_case(action)

        def silent(cp: ChargePoint, request: Request) -> Any:
            """A station whose boot was rejected says nothing."""
            return _silence(cp, request)

        found[f"silent_{hook}"] = hookimpl(tryfirst=True, specname=hook)(silent)
        if hasattr(Requests, action) and action not in TRIGGERS:

            def answer(cp: ChargePoint, request: Request) -> Any:
                """A station answers, where one lives."""
                return _answer(cp, request)

            found[hook] = hookimpl(answer)
    return found


globals().update(_hooks())
