"""GetDiagnostics and UpdateFirmware with real files: an FTP server and a CSMS in the same script.

pip install pyftpdlib
ocppsim -v docs/examples/ftp.py
"""

import logging
import tempfile
import threading
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

from ocppsim import TransferError, connect, timestamp
from ocppsim.csms import CentralSystem


def serve_ftp(folder):
    """An FTP server for the user cp with the password s3cret; its URL, and how to stop it."""
    authorizer = DummyAuthorizer()
    authorizer.add_user("cp", "s3cret", folder, perm="elrw")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    server = FTPServer(("127.0.0.1", 0), handler)
    stop = threading.Event()

    def run():
        while not stop.is_set():
            server.serve_forever(timeout=0.05, blocking=False)
        server.close_all()

    thread = threading.Thread(target=run, name="FTP server")
    thread.start()
    host, port = server.address
    return f"ftp://cp:s3cret@{host}:{port}", lambda: (stop.set(), thread.join())


logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())  # it would log to the screen
folder = Path(tempfile.mkdtemp())
(folder / "firmware-2.bin").write_bytes(b"\x7f" * 300_000)
ftp, stop_ftp = serve_ftp(str(folder))

with CentralSystem() as csms, connect(f"{csms.url}/CP1") as cp:

    @cp.on("GetDiagnostics")
    def get_diagnostics(request):
        name = f"diagnostics-{cp.name}.jsonl"
        yield {"fileName": name}
        cp.send_diagnostics_status_notification(status="Uploading")
        try:
            cp.ftp_upload(request.payload["location"], name)
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
        print("firmware:", firmware.name, firmware.stat().st_size, "bytes")
        cp.send_firmware_status_notification(status="Installing")
        cp.send_firmware_status_notification(status="Installed")

    def reported(action, last):
        """The statuses that the CSMS hears, up to the last one."""
        heard = []
        while last not in heard:
            heard.append(csms.wait_for(action).payload["status"])
        return " ".join(heard)

    print("file:", csms.call("CP1", "GetDiagnostics", {"location": ftp})["fileName"])
    print(reported("DiagnosticsStatusNotification", "Uploaded"))
    print("on the server:", *sorted(path.name for path in folder.iterdir()))

    when = timestamp()
    csms.call("CP1", "UpdateFirmware", {"location": f"{ftp}/firmware-2.bin", "retrieveDate": when})
    print(reported("FirmwareStatusNotification", "Installed"))

    csms.call("CP1", "UpdateFirmware", {"location": f"{ftp}/none.bin", "retrieveDate": when})
    print(reported("FirmwareStatusNotification", "DownloadFailed"))

stop_ftp()
