"""What ``ocppsim`` without a SCRIPT does: serve until a signal comes."""

from __future__ import annotations

import threading

from .. import runner, session
from ..errors import OcppsimError
from .serving import Server

__all__ = ["serve"]


def serve(bind: str, port: int, *, demo: bool = False) -> int:
    """Print the address, and serve until Ctrl-C or SIGTERM; the exit status. Raises ScriptError
    where it cannot listen there.

    To be called from the main thread, for the signals.
    """

    def run() -> None:
        server = Server(bind, port, demo=demo)
        try:
            server.start()
        except OcppsimError as error:
            raise runner.ScriptError(f"the demo failed: {error}") from None
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            text = f"cannot listen on {bind} port {port}: {why}; --bind and --port say where"
            raise runner.ScriptError(text) from None
        try:
            # the one place where the token is shown
            print(f"ocppsim serves {server.login_url}", flush=True)
            threading.Event().wait()
        finally:
            server.stop()
            session.close_all()

    return runner.until_stopped(run)
