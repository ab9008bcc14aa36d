"""An ocppsim plugin: the security extension of OCPP 1.6 (white paper "Improved security for OCPP
1.6-J", edition 3): certificates, security profiles, the AuthorizationKey, logs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from ocppsim import ChargePoint, Request, TracedFrame, hookimpl
from ocppsim.errors import CertificateError

from . import forms, installing, keys, signing, uploading
from .options import Options, add_options
from .roots import CENTRAL_SYSTEM
from .state import State, sync_profile

__all__ = [
    "ocpp16_certificate_signed",
    "ocpp16_change_configuration",
    "ocpp16_data_transfer",
    "ocpp16_delete_certificate",
    "ocpp16_get_configuration",
    "ocpp16_get_installed_certificate_ids",
    "ocpp16_get_log",
    "ocpp16_install_certificate",
    "ocppsim_add_options",
    "ocppsim_closed",
    "ocppsim_configure",
    "ocppsim_connect_failed",
    "ocppsim_connected",
    "ocppsim_created",
    "ocppsim_frame",
    "ocppsim_trigger",
]

Payload = dict[str, Any]

_options = Options()
_states: WeakKeyDictionary[ChargePoint, State] = WeakKeyDictionary()


@hookimpl
def ocppsim_add_options(parser: argparse.ArgumentParser) -> None:
    add_options(parser)


@hookimpl
def ocppsim_configure(options: argparse.Namespace) -> None:
    global _options
    _options = Options.given(options)


@hookimpl
def ocppsim_created(cp: ChargePoint) -> None:
    state = _states[cp] = State(cp, _options)
    keys.register(cp, state)


@hookimpl
def ocppsim_connected(cp: ChargePoint) -> None:
    sync_profile(cp)
    _states[cp].outage.clear()
    _states[cp].events.deliver(cp)
    _states[cp].uploads.deliver(cp)


@hookimpl
def ocppsim_connect_failed(cp: ChargePoint, error: Exception) -> None:
    _states[cp].not_connected(cp, error)


@hookimpl
def ocppsim_closed(cp: ChargePoint) -> None:
    _states[cp].uploads.stop(cp)


@hookimpl
def ocppsim_frame(cp: ChargePoint, frame: TracedFrame) -> None:
    if frame.direction != "sent" or frame.type != "CALL":
        return
    # what a script sends counts as well
    if frame.action == "SecurityEventNotification" and isinstance(frame.payload, dict):
        _states[cp].log.add(frame.payload, frame.time)
    elif frame.action == "LogStatusNotification" and isinstance(frame.payload, dict):
        _states[cp].uploads.noted = frame.payload


# --- the configuration ---


@hookimpl(trylast=True)
def ocpp16_get_configuration(cp: ChargePoint, request: Request) -> Any:
    return cp.configuration.answer(request)


@hookimpl(trylast=True)
def ocpp16_change_configuration(cp: ChargePoint, request: Request) -> Any:
    return cp.configuration.answer(request)


# --- the certificate of the charge point ---


@hookimpl
def ocppsim_trigger(
    cp: ChargePoint, request: Request, requestedMessage: str
) -> Payload | Iterator[Payload] | None:
    if requestedMessage == "SignChargePointCertificate":
        return signing.request_certificate(cp, _states[cp])
    if requestedMessage == "LogStatusNotification":
        return uploading.trigger(cp, _states[cp].uploads)
    return None


@hookimpl(trylast=True)
def ocpp16_certificate_signed(cp: ChargePoint, request: Request) -> Iterator[Payload]:
    state, payload = _states[cp], request.payload
    return signing.answer(
        cp, state, lambda: forms.wanted_chain(payload), lambda status: {"status": status}
    )


@hookimpl
def ocpp16_data_transfer(cp: ChargePoint, request: Request) -> Iterator[Payload] | None:
    state, payload = _states[cp], request.payload
    if payload.get("messageId") != forms.MESSAGE:
        return None
    return signing.answer(
        cp, state, lambda: forms.wanted_chain(forms.vendors_payload(payload)), _for_vendors
    )


def _for_vendors(status: str) -> Payload:
    return {"status": status, "data": json.dumps({"status": status})}


# --- root certificates ---


@hookimpl(trylast=True)
def ocpp16_install_certificate(cp: ChargePoint, request: Request) -> Iterator[Payload]:
    state, use = _states[cp], request.payload["certificateType"]
    try:
        installing.install(cp, state, use, request.payload["certificate"])
    except OSError as error:
        cp.log("InstallCertificate: %s", error)
        yield {"status": "Failed"}
    except CertificateError as error:
        cp.log("%s", error)
        yield {"status": "Rejected"}
        if use == CENTRAL_SYSTEM:
            state.events.tell(cp, "InvalidCentralSystemCertificate", error)
    else:
        yield {"status": "Accepted"}


@hookimpl(trylast=True)
def ocpp16_delete_certificate(cp: ChargePoint, request: Request) -> Payload:
    return {
        "status": installing.delete(cp, _states[cp], request.payload["certificateHashData"]),
    }


@hookimpl(trylast=True)
def ocpp16_get_installed_certificate_ids(cp: ChargePoint, request: Request) -> Payload:
    found = installing.installed(_states[cp], request.payload["certificateType"])
    if not found:
        return {"status": "NotFound"}
    return {"status": "Accepted", "certificateHashData": found}


# --- logs ---


@hookimpl(trylast=True)
def ocpp16_get_log(cp: ChargePoint, request: Request) -> Iterator[Payload]:
    state = _states[cp]
    return uploading.answer(cp, state.uploads, state.log, request.payload)
