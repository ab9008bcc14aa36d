"""A central system on TLS that is none of ours: the package `ocpp` on `websockets`, and the program
openssl as its authority.

    python secure_central_system.py FOLDER

In FOLDER are ``server.pem`` and ``server.key``; ``clients.pem``, who has to vouch for charge
points; ``signer.pem`` and ``signer.key``, who signs what they ask for. Prints its port. After the
BootNotification it installs ``clients.pem`` as a root, asks what is installed, and has the charge
point ask for a new certificate. When it is told of a security event it prints, as one line of JSON,
who was connected and what was said.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

TIME = "2026-01-31T12:00:00Z"
ROOT = "CentralSystemRootCertificate"
MOST = 60.0  # seconds that all this may take

folder = Path(sys.argv[1])
report: dict[str, Any] = {"connected": [], "answers": {}, "events": []}


async def signed(csr: str) -> str:
    """By openssl."""
    (folder / "request.csr").write_text(csr)
    command = "openssl x509 -req -in request.csr -CA signer.pem -CAkey signer.key -days 7 -sha256"
    process = await asyncio.create_subprocess_exec(
        *command.split(),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    (folder / "new.pem").write_bytes(output)
    return output.decode()


class CentralSystem(ChargePoint):  # type: ignore[misc]
    """One connection."""

    def __init__(self, name: str, connection: ServerConnection, over: asyncio.Event) -> None:
        super().__init__(name, connection, response_timeout=20)
        self._over = over

    async def ask(self, request: Any) -> None:
        answer = await self.call(request, suppress=False)
        report["answers"][type(request).__name__] = asdict(answer)

    @on("BootNotification")
    def boot(self, **fields: Any) -> Any:
        return call_result.BootNotification(current_time=TIME, interval=300, status="Accepted")

    @after("BootNotification")
    async def after_boot(self, **fields: Any) -> None:
        root = (folder / "clients.pem").read_text()
        await self.ask(call.InstallCertificate(certificate_type=ROOT, certificate=root))
        await self.ask(call.GetInstalledCertificateIds(certificate_type=ROOT))
        trigger = "SignChargePointCertificate"
        await self.ask(call.ExtendedTriggerMessage(requested_message=trigger))

    @on("SignCertificate")
    def sign(self, **fields: Any) -> Any:
        return call_result.SignCertificate(status="Accepted")

    @after("SignCertificate")
    async def after_sign(self, csr: str) -> None:
        await self.ask(call.CertificateSigned(certificate_chain=await signed(csr)))

    @on("SecurityEventNotification")
    def event(self, type: str, **fields: Any) -> Any:
        report["events"].append(type)
        return call_result.SecurityEventNotification()

    @after("SecurityEventNotification")
    def after_event(self, **fields: Any) -> None:
        self._over.set()


async def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "clients.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    over = asyncio.Event()

    async def serve_one(connection: ServerConnection) -> None:
        assert connection.request is not None
        tls = connection.transport.get_extra_info("ssl_object")
        report["connected"].append([tls.getpeercert()["serialNumber"], tls.version()])
        system = CentralSystem(connection.request.path.lstrip("/"), connection, over)
        with contextlib.suppress(ConnectionClosed):
            await system.start()

    async with serve(
        serve_one,
        "127.0.0.1",
        0,
        ssl=context,
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.wait_for(over.wait(), MOST)
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
