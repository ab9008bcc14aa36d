"""The plugins that a page or a script says to install are there for what it runs, as pip would have
them: found by their entry points."""

from __future__ import annotations

import configparser
import os
import re
from pathlib import Path

__all__ = ["python_path"]

ROOT = Path(__file__).parents[2]

_METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def python_path(text: str, folder: Path) -> str:
    """The PYTHONPATH for what stands in `text`. folder: for what tells of the plugins."""
    paths = [ROOT]
    for name in dict.fromkeys(re.findall(r"pip install .*?\./plugins/([\w-]+)", text)):
        plugin = ROOT / "plugins" / name
        setup = configparser.ConfigParser()
        setup.read(plugin / "setup.cfg")
        info = folder / f"{name.replace('-', '_')}-{setup['metadata']['version']}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(_METADATA.format_map(setup["metadata"]))
        found = setup["options.entry_points"]["ocppsim"].strip()
        (info / "entry_points.txt").write_text(f"[ocppsim]\n{found}\n")
        paths += [plugin, folder]
    return os.pathsep.join(map(str, dict.fromkeys(paths)))
