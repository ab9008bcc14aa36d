"""Completion in a shell, by argcomplete where that is installed."""

from __future__ import annotations

import argparse
import importlib
import os

__all__ = ["complete"]


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what may follow, and end; else do nothing."""
    if "_ARGCOMPLETE" in os.environ:
        importlib.import_module("argcomplete").autocomplete(parser)
