"""Builds as setuptools does. A wheel has the pages of docs/ in it, so building one takes Sphinx and
what ocppsim imports; an editable install and a source distribution do without."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_for_pages()]


def _for_pages() -> list[str]:
    """What the extra docs installs."""
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).with_name("setup.cfg"), encoding="utf-8")
    extras = setup["options.extras_require"]
    lines = f"{setup['options']['install_requires']}\n{extras['server']}\n{extras['docs']}"
    return [line for line in lines.split() if not line.startswith("ocppsim[")]
