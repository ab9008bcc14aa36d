"""What a script gets from each fault of the network at each phase of a connection, how soon, and
how it goes on. The tests hold the charge point to it; the page in docs/ shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from proxy import Fault

__all__ = ["FAULTS", "PHASES", "TABLE", "TLS", "Outcome", "Phase", "rows"]

Phase = Literal[
    "handshake",
    "boot",
    "call sent",
    "answer under way",
    "request under way",
    "handler running",
    "closing",
]
When = Literal[
    "at once",
    "after the delay",
    "ping interval + pong time-out",
    "connect time-out",
    "half the close time-out",
]
Then = Literal["same connection", "after connecting again"]


class Outcome(NamedTuple):
    """gets: what the call returns, or ``Error: its text``, parts of which may be "…". For a
    request, and a handler that runs: what `on_close` is told, or what the CSMS gets. Beside the one
    that is named, no time-out plays a part."""

    gets: str
    when: When
    then: Then


FAULTS: dict[Fault, str] = {
    "cut": "the TCP connection is closed",
    "reset": "the TCP connection is reset",
    "stall": "nothing passes any more, in the middle of a frame",
    "half-open": "what is sent vanishes, both ways",
    "delay": "what is sent comes later",
    "split": "it comes byte by byte",
    "corrupt head": "the first byte of a frame is another one",
    "corrupt text": "the last byte of a frame is another one",
}

PHASES: dict[Phase, str] = {
    "handshake": "`connect`; the answer to the WebSocket handshake is on its way",
    "boot": "the call of a BootNotification, the first frame, which is on its way",
    "call sent": "a call; the CSMS has got it, the line is quiet",
    "answer under way": "a call; its answer is on its way",
    "request under way": "`on_close`; a request of the CSMS is on its way",
    "handler running": "`on_close`; a handler has not answered yet",
    "closing": "`close`; the close frame is on its way",
}

ENDED = "ConnectionLost: the connection ended without a closing handshake"
RESET = "ConnectionLost: … Connection reset by peer"
NO_PONG = "ConnectionLost: the CSMS did not answer a ping within …"
BAD_HEAD = "ConnectionLost: the CSMS broke the WebSocket protocol …"
HEAD_REFUSED = "ConnectionLost: the CSMS closed the connection (code 1002 …"
TEXT_REFUSED = "ConnectionLost: the CSMS closed the connection (code 1007 …"
BAD_TEXT = "InvalidPayload: … the CSMS sent an invalid response: $: not JSON …"
NO_HANDSHAKE = "ConnectError: no answer to the WebSocket handshake in time"
PING: When = "ping interval + pong time-out"
SAME: Then = "same connection"
AGAIN: Then = "after connecting again"


def _call(fault: Fault) -> Outcome:
    """Of a call that fails with the connection."""
    return {
        "cut": Outcome(ENDED, "at once", AGAIN),
        "reset": Outcome(RESET, "at once", AGAIN),
        "stall": Outcome(NO_PONG, PING, AGAIN),
        "half-open": Outcome(NO_PONG, PING, AGAIN),
        "delay": Outcome("its answer", "after the delay", SAME),
        "split": Outcome("its answer", "at once", SAME),
        # what the CSMS sent
        "corrupt head": Outcome(BAD_HEAD, "at once", AGAIN),
        "corrupt text": Outcome(BAD_TEXT, "at once", SAME),
    }[fault]


TABLE: dict[Phase, dict[Fault, Outcome]] = {
    "handshake": {
        "cut": Outcome(
            "ConnectError: the server closed the connection during the handshake …",
            "at once",
            AGAIN,
        ),
        "reset": Outcome("ConnectError: … during the handshake …", "at once", AGAIN),
        "stall": Outcome(NO_HANDSHAKE, "connect time-out", AGAIN),
        "half-open": Outcome(NO_HANDSHAKE, "connect time-out", AGAIN),
        "delay": Outcome("a connection", "after the delay", SAME),
        "split": Outcome("a connection", "at once", SAME),
        "corrupt head": Outcome(
            "ConnectError: the answer is no WebSocket handshake", "at once", AGAIN
        ),
        "corrupt text": Outcome(NO_HANDSHAKE, "connect time-out", AGAIN),
    },
    "boot": {fault: _call(fault) for fault in FAULTS}
    | {
        # what the charge point sent
        "corrupt head": Outcome(HEAD_REFUSED, "at once", AGAIN),
        "corrupt text": Outcome(TEXT_REFUSED, "at once", AGAIN),
    },
    "call sent": {fault: _call(fault) for fault in FAULTS},
    "answer under way": {fault: _call(fault) for fault in FAULTS},
    "request under way": {fault: _call(fault) for fault in FAULTS}
    | {
        "delay": Outcome("the CSMS its answer", "after the delay", SAME),
        "split": Outcome("the CSMS its answer", "at once", SAME),
        "corrupt text": Outcome("the CSMS a CALLERROR", "at once", SAME),
    },
    "handler running": {fault: _call(fault) for fault in FAULTS}
    | {
        "delay": Outcome("the CSMS its answer", "after the delay", SAME),
        "split": Outcome("the CSMS its answer", "at once", SAME),
        "corrupt head": Outcome(HEAD_REFUSED, "at once", AGAIN),
        "corrupt text": Outcome(TEXT_REFUSED, "at once", AGAIN),
    },
    "closing": {fault: Outcome("it returns", "at once", AGAIN) for fault in FAULTS}
    | {
        "stall": Outcome("it returns", "half the close time-out", AGAIN),
        "half-open": Outcome("it returns", "half the close time-out", AGAIN),
        "delay": Outcome("it returns", "after the delay", AGAIN),
    },
}

TLS: dict[Phase, dict[Fault, Outcome]] = {
    "handshake": {
        "cut": Outcome("ConnectError: no TLS with", "at once", AGAIN),
        "stall": Outcome(
            "ConnectError: did not finish the TLS handshake in time", "connect time-out", AGAIN
        ),
        "split": Outcome("a connection", "at once", SAME),
        "corrupt head": Outcome("ConnectError: no TLS with", "at once", AGAIN),
    },
    "call sent": {
        "reset": Outcome(ENDED, "at once", AGAIN),
        **{fault: _call(fault) for fault in ("cut", "stall", "half-open", "delay", "split")},
    },
    "answer under way": {
        "reset": Outcome(ENDED, "at once", AGAIN),
        **{fault: _call(fault) for fault in ("cut", "stall", "half-open", "split")},
        "corrupt text": Outcome("ConnectionLost: the connection broke: [SSL", "at once", AGAIN),
    },
}


def rows() -> Iterator[str]:
    """The table of the page, in Markdown."""
    for phase, what in PHASES.items():
        yield f"**{phase}** — {what}:"
        yield ""
        yield "| fault | what it gets | how soon | the next call works |"
        yield "| --- | --- | --- | --- |"
        for fault in FAULTS:
            gets, when, then = TABLE[phase][fault]
            kind, colon, text = gets.partition(": ")
            told = f"`{kind}`: {text}" if colon else gets
            yield f"| {fault} | {told} | {when} | {then} |"
        yield ""
