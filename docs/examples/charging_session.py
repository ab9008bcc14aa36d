"""One charging session: boot, authorize, charge, stop; with handlers for what a CSMS may ask.

ocppsim -v docs/examples/charging_session.py                         # embedded CSMS
ocppsim -v --url ws://localhost:9000/CP1 docs/examples/charging_session.py
"""

from ocppsim import TransferError, connect, timestamp

with connect() as cp:

    @cp.on("GetDiagnostics")
    def get_diagnostics(request):
        name = "diagnostics.txt"
        yield {"fileName": name}  # the answer leaves here; the code goes on
        cp.send_diagnostics_status_notification(status="Uploading")
        try:
            cp.ftp_upload(request.payload["location"], name)  # the message log of this charge point
        except TransferError as error:
            cp.log(error)
            cp.send_diagnostics_status_notification(status="UploadFailed")
        else:
            cp.send_diagnostics_status_notification(status="Uploaded")

    @cp.on("UpdateFirmware")
    def update_firmware(request):
        yield {}
        cp.send_firmware_status_notification(status="Downloading")
        try:
            firmware = cp.ftp_download(request.payload["location"])
        except TransferError as error:
            cp.log(error)
            cp.send_firmware_status_notification(status="DownloadFailed")
            return
        cp.send_firmware_status_notification(status="Downloaded")
        cp.log("%s: %d bytes", firmware.name, firmware.stat().st_size)
        cp.send_firmware_status_notification(status="Installing")
        cp.send_firmware_status_notification(status="Installed")

    @cp.on("Reset")
    def reset(request):
        return {"status": "Accepted"}

    def status(connector, value):
        cp.send_status_notification(connectorId=connector, errorCode="NoError", status=value)

    boot = cp.send_boot_notification(chargePointVendor="ocppsim", chargePointModel="Demo")
    cp.start_heartbeat(boot["interval"])
    cp.send_heartbeat()
    status(0, "Available")
    status(1, "Available")

    id_tag = "04E8C2A21F6D80"
    info = cp.send_authorize(idTag=id_tag)["idTagInfo"]
    if info["status"] != "Accepted":
        raise SystemExit(f"{id_tag} may not charge: {info['status']}")

    status(1, "Preparing")
    start = cp.send_start_transaction(
        connectorId=1, idTag=id_tag, meterStart=1000, timestamp=timestamp()
    )
    status(1, "Charging")

    for energy in (1800, 2600):  # Wh
        cp.send_meter_values(
            connectorId=1,
            transactionId=start["transactionId"],
            meterValue=[
                {
                    "timestamp": timestamp(),
                    "sampledValue": [
                        {
                            "value": str(energy),
                            "measurand": "Energy.Active.Import.Register",
                            "unit": "Wh",
                        },
                        {"value": "7360", "measurand": "Power.Active.Import", "unit": "W"},
                    ],
                }
            ],
        )

    cp.send_stop_transaction(
        transactionId=start["transactionId"],
        idTag=id_tag,
        meterStop=2600,
        timestamp=timestamp(),
        reason="Local",
    )
    status(1, "Finishing")
    status(1, "Available")
    cp.wait_for_handlers()  # an upload may still be under way
