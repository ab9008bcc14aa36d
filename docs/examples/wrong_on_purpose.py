"""Everything that a charge point can do wrong on purpose, a line each.

A CSMS in the same script is the one that has to cope; it is ocppsim's own, so this runs anywhere:

    ocppsim -v --allow-violations docs/examples/wrong_on_purpose.py
"""

import contextlib

from ocppsim import CallError, CallTimeout, connect
from ocppsim.csms import CentralSystem
from ocppsim.errors import ConnectionLost, InvalidPayload


def ask(timeout=15.0, **options):
    """The CSMS sends a Reset; what it gets for an answer."""
    try:
        return csms.call("CP1", "Reset", {"type": "Soft"}, timeout=timeout, **options)
    except (CallError, CallTimeout, ConnectionLost, InvalidPayload) as error:
        return type(error).__name__


with CentralSystem() as csms, connect(f"{csms.url}/CP1") as cp:
    # --- answers ---
    cp.on("Reset", {"status": "Rejected"}, once=True)  # right, for the next one only
    print("once:", ask(), ask())

    cp.on("Reset", lambda request: request.reply(status="Perhaps", validate=False))
    print("breaks the schema:", ask())

    cp.on("Reset", lambda request: request.reply(status="Accepted", delay=0.3))
    print("late:", ask(timeout=0.1))

    cp.on("Reset", lambda request: request.reply(status="Accepted", times=2))
    print("twice:", ask())

    cp.on("Reset", lambda request: request.no_reply())
    print("never:", ask(timeout=0.1))

    cp.on("Reset", lambda request: request.reply(status="Accepted", unique_id="another"))
    print("under another id:", ask(timeout=0.1))

    cp.on("Reset", lambda request: request.reply_raw("[3,"))
    print("raw text:", ask(timeout=0.1))

    cp.on("Reset", lambda request: request.reply_error("SecurityError", "not from you"))
    print("an error:", ask())

    # --- calls ---
    with contextlib.suppress(CallError):
        cp.call("StatusNotification", {"connectorId": "one"}, validate=False)
    with contextlib.suppress(CallError):
        cp.call("NoSuchAction", {"a": 1}, validate=False)
    cp.call("Heartbeat", unique_id="again")
    cp.call("Heartbeat", unique_id="again")  # an id has to be new on a connection
    several = [cp.submit("Heartbeat", concurrent=True) for _ in range(3)]  # at once, not in turn
    print("at once:", len([future.result() for future in several]))

    # --- frames ---
    cp.send_raw("no JSON at all")
    cp.send_raw(b"a binary message")
    cp.send_raw('[2,"in-three-parts","Heartbeat",{}]', fragments=3)
    cp.wait_for_frame(
        type="CALLRESULT", where=lambda frame: frame.unique_id == "in-three-parts", after=0
    )
    print("ping:", "answered" if cp.ping(b"payload") < 5 else "slow")

    # --- the connection ---
    cp.stall(0.3)  # no word, and not a byte read, over a connection that stays open
    print("a dead line:", ask(timeout=0.1), "and then:", ask())

    cp.close(code=4000, reason="of my own choice")
    cp.reconnect()
    cp.abort()  # a TCP reset
    cp.reconnect()
    print("still works:", sorted(cp.call("Heartbeat")))
