"""What is built, once a run: the distributions, and an environment with the wheel in it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from command import ROOT
from fresh import Environment, run

_LITTER = (".*", "__pycache__", "*.egg-info", "_build", "build", "dist", "node_modules")


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as it would be checked out: what other builds left here plays no part."""
    tree = tmp_path_factory.mktemp("packaging") / "ocppsim"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_LITTER))
    return tree


@pytest.fixture(scope="session")
def distributions(tree: Path) -> Path:
    """The folder of the source distribution, and of the wheel that was built from it."""
    dist = tree.parent / "dist"
    run(sys.executable, "-m", "build", "--outdir", dist, tree, cwd=tree.parent)
    return dist


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    (wheel,) = distributions.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def fresh(tree: Path, wheel: Path) -> Environment:
    """An environment with the wheel and what it requires, and nothing else."""
    environment = Environment(tree.parent / "fresh")
    environment.install(wheel)
    return environment
