"""Serves events alone, in a process of its own: prints its port; ``/go`` publishes 10,000."""

from __future__ import annotations

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from ocppsim.server.events import EventLog, blueprint

COUNT = 10_000


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


def main() -> None:
    log = EventLog(20_000)
    app = Flask("events")
    app.register_blueprint(blueprint(log))

    @app.get("/go")
    def go() -> str:
        for number in range(COUNT):
            log.publish("state", "CP1", {"n": number})
        return "gone"

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
