"""Builds the man pages and the documentation into the wheel; all else is in setup.cfg."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from build_manpages import build_manpages, get_build_py_cmd, get_install_cmd
from setuptools import setup

# the pages hold the texts as argparse wraps them: not to the width of whose terminal it is, and no
# line of one may begin with a full stop
os.environ["COLUMNS"] = "10000"

# what docs/conf.py and ocppsim import
_FOR_PAGES = "sphinx myst_parser furo flask cryptography jsonschema pluggy websocket websockets"


class build_py(get_build_py_cmd()):  # type: ignore[misc]
    """Without what it takes, as there is with --no-build-isolation, there is no documentation."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        pages = Path(self.build_lib, "ocppsim", "server", "docs")
        shutil.rmtree(pages, ignore_errors=True)
        missing = [name for name in _FOR_PAGES.split() if find_spec(name) is None]
        if missing:
            self.warn(f"no documentation in the wheel: {', '.join(missing)} cannot be imported")
            return
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-d", cache]
            subprocess.run([*command, "docs", str(pages)], check=True)
        (pages / ".buildinfo").unlink(missing_ok=True)


setup(
    cmdclass={
        "build_manpages": build_manpages,
        "build_py": build_py,
        "install": get_install_cmd(),
    }
)
