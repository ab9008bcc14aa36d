"""Many charge points that live through bad weather; run by ``ocppsim``. Arguments: how many, and
the URL.

On each line of standard input they do something and write a line of JSON: ``look`` tells of
threads, sockets and memory; ``rest`` ends what they do, and waits until all is delivered;
anything else is the end.
"""

import contextlib
import gc
import json
import os
import random
import sys
import threading
import time

from ocppsim import OcppsimError, Reconnect, connect, timestamp

COUNT, URL = int(sys.argv[1]), sys.argv[2]
POLICY = Reconnect(first=0.5, longest=2.0)
REPORT = sys.stdout
working = threading.Event()
working.set()
failed = []


def look():
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        memory = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    sockets = 0
    for entry in os.listdir("/proc/self/fd"):
        try:
            sockets += os.readlink(f"/proc/self/fd/{entry}").startswith("socket:")
        except OSError:
            continue
    threads = threading.active_count()
    return {"threads": threads, "sockets": sockets, "memory": memory}


def boot(cp):
    """Until it is accepted, however often the connection goes."""
    while True:
        try:
            answer = cp.send_boot_notification(chargePointVendor="v", chargePointModel="m")
            cp.start_heartbeat(2)
            return answer
        except OcppsimError:
            cp.sleep(0.2)


def start(number):
    """A charge point. The first connection is by hand, as `connect` raises where it fails."""
    while True:
        try:
            cp = connect(
                URL,
                name=f"CP{number}",
                reconnect=POLICY,
                ping_interval=1.0,
                pong_timeout=2.0,
                response_timeout=5.0,
                trace_size=50,
            )
            break
        except OcppsimError:
            time.sleep(0.2)
    cp.configuration["TransactionMessageAttempts"] = 1000
    cp.configuration["TransactionMessageRetryInterval"] = 0
    cp.on("ClearCache", {"status": "Accepted"})
    return cp


def live(cp, number):
    """Transactions through the queue, and other calls between, until told to rest."""
    chance = random.Random(number)
    boot(cp)
    meter = 0
    while working.is_set():
        tag = f"{number}-{meter}"
        start_at = {"connectorId": 1, "meterStart": meter, "timestamp": timestamp()}
        tx = cp.enqueue_start({**start_at, "idTag": tag[:20]})
        cp.sleep(chance.uniform(0.1, 1))
        with contextlib.suppress(OcppsimError):  # an outage: what may be lost is lost
            cp.send_authorize(idTag=tag[:20])
        meter += chance.randrange(1000)
        stop_at = {"meterStop": meter, "timestamp": timestamp(), "idTag": tag[:20]}
        stop = cp.enqueue("StopTransaction", stop_at, transaction=tx)
        try:
            stop.result(300)
        except Exception as error:
            failed.append(f"CP{number}: {type(error).__name__}: {error}")
        cp.sleep(chance.uniform(0.1, 1))


def answer(what):
    print(json.dumps(what), file=REPORT, flush=True)


cps = [start(number) for number in range(COUNT)]
workers = [
    threading.Thread(target=live, args=(cp, number), name=f"worker {number}", daemon=True)
    for number, cp in enumerate(cps)
]
answer(look())
for worker in workers:
    worker.start()
for line in sys.stdin:
    if line.strip() == "look":
        answer(look())
    elif line.strip() == "rest":
        working.clear()
        for worker in workers:
            worker.join(300)
        deaf = []
        for cp in cps:
            try:
                cp.wait_until_connected(timeout=30)
                cp.send_heartbeat()
            except OcppsimError as error:
                deaf.append(f"{cp.name}: {error}")
        answer(
            {**look(), "failed": failed, "queued": sum(len(cp.queue) for cp in cps), "deaf": deaf}
        )
    else:
        break
for cp in cps:
    cp.close()
left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
answer({**look(), "left": left})
