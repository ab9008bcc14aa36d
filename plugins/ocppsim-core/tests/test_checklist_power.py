"""Power, network and faults: rows of the checklist by their ids."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import core
from ocppsim_core import Station

from ocppsim import connect
from ocppsim.csms import CentralSystem

if TYPE_CHECKING:
    from conftest import World


def offline(world: World) -> None:
    """The central system is gone: no charge point can connect."""
    world.csms.stop()
    world.cp.reconnecting = None
    world.cp.wait_for_frame  # noqa: B018
