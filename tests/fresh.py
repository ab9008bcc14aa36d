"""A virtual environment that holds nothing but what a test installs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["Environment", "run"]

_PATIENCE = 240.0
# what the fresh environment would learn from this one
_SPOILERS = ("MANPATH", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "_ARGCOMPLETE")


def run(
    *command: object, cwd: Path, status: int | None = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Fails if its exit status is not `status`; None lets it be any."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _SPOILERS and not name.startswith("OCPPSIM_")
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, "PYTHONIOENCODING": "utf-8", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=_PATIENCE,
        check=False,
    )
    if status is not None:
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == status, f"{command} ended with {done.returncode}\n{said}"
    return done


class Environment:
    """The virtual environment at `path`, and its programs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.python = path / "bin" / "python"
        run(sys.executable, "-m", "venv", path, cwd=path.parent)

    def run(
        self, *command: object, cwd: Path, status: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """As in a shell in which the environment is activated."""
        search = f"{self.path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        # env looks the program up there
        return run("env", *command, cwd=cwd, status=status, PATH=search)

    def install(self, *what: object) -> None:
        self.run("pip", "install", "--quiet", *what, cwd=self.path)
