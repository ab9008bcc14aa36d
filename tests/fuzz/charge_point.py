"""A charge point that stays, whatever comes; run by ``ocppsim``. It tells of itself when asked."""

import json
import os
import threading

from ocppsim import connect


def memory() -> int:
    """Bytes that this process has in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


cp = connect()


@cp.on("DataTransfer")
def tell(request):
    if request.payload["vendorId"] != "fuzz":
        return {"status": "UnknownVendorId"}
    threads = [thread.name for thread in threading.enumerate()]
    return {"status": "Accepted", "data": json.dumps({"memory": memory(), "threads": threads})}


@cp.on("TriggerMessage")
def trigger(request):
    yield {"status": "Accepted"}
    cp.send_heartbeat()


# until the CSMS hangs up
while cp.connected:
    cp.sleep(0.1)
