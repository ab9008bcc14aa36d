"""The server itself: what is connected to what, and its plugins."""

from __future__ import annotations

from typing import Any

from flask import current_app

from ... import __version__
from ...connect import embedded_csms_if_started
from ...plugins import shared
from ..api import Api, parts, ref
from .charge_points import shown

__all__ = ["api"]

api = Api("admin", "server")


@api.route("GET", "/admin", "What is connected to what", answer=ref("Admin"))
def get_admin() -> Any:
    csms = embedded_csms_if_started()
    embedded = None
    if csms is not None:
        embedded = {"url": csms.url, "chargePoints": csms.charge_points}
    return {
        "version": __version__,
        "started": current_app.config["OCPPSIM_STARTED"],
        "chargePoints": [shown(entry) for entry in parts().fleet],
        "csms": embedded,
        "event": parts().events.last_id,
    }


@api.route("GET", "/plugins", "List the plugins", answer=ref("Plugins"))
def list_plugins() -> Any:
    """problems: what was wrong with those that were left out."""
    plugins = parts().fleet.plugins or shared()
    listed = [
        {"name": p.name, "version": p.version, "source": p.source, "hooks": list(p.hooks)}
        for p in plugins
    ]
    return {"plugins": listed, "problems": list(plugins.problems)}
