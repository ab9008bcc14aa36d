from ocppsim import connect, timestamp

with connect("ws://localhost:9000/CP1") as cp:
    boot = cp.send_boot_notification(chargePointVendor="vendor", chargePointModel="model")
    cp.start_heartbeat(boot["interval"])
    cp.send_status_notification(connectorId=1, errorCode="NoError", status="Available")
    start = cp.send_start_transaction(
        connectorId=1, idTag="04E8C2A2", meterStart=0, timestamp=timestamp()
    )
    print("transaction", start["transactionId"], start["idTagInfo"]["status"])
