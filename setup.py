"""Builds the man pages into the wheel; all else is in setup.cfg."""

import os

from build_manpages import build_manpages, get_build_py_cmd, get_install_cmd
from setuptools import setup

# the pages hold the texts as argparse wraps them: not to the width of whose terminal it is, and no
# line of one may begin with a full stop
os.environ["COLUMNS"] = "10000"

setup(
    cmdclass={
        "build_manpages": build_manpages,
        "build_py": get_build_py_cmd(),
        "install": get_install_cmd(),
    }
)
