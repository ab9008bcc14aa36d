"""The options behind ``ocppsim --station``: a station without a script of the user's."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

__all__ = ["add_options", "script"]

SCRIPT = Path(__file__).parent / "scripts" / "run_station.py"


def add_options(parser: argparse._ArgumentGroup) -> None:
    """Add the options to the command line."""
    parser.add_argument(
        "--station",
        metavar="URL",
        nargs="?",
        const="",
        help="run a charge point that lives, without a SCRIPT, until Ctrl-C: it boots, answers,"
        " and shows each change of state; without URL as --url says; with --demo cars come, charge"
        " and leave by themselves",
    )
    parser.add_argument(
        "--connectors", metavar="NUMBER", type=_count, default=1, help="of the station; 1"
    )
    parser.add_argument(
        "--id-tag",
        metavar="TAG",
        type=_tag,
        default="04E8C2A2",
        help="the card of --demo; %(default)s",
    )
    parser.add_argument(
        "--speed",
        metavar="FACTOR",
        type=_factor,
        default=1.0,
        help="how much faster than ours the station's time runs; 1",
    )


def script(options: argparse.Namespace) -> list[str] | None:
    """What is to be run for these options."""
    if options.station is None:
        return None
    arguments = [str(SCRIPT), f"--connectors={options.connectors}", f"--speed={options.speed}"]
    arguments.append(f"--id-tag={options.id_tag}")
    if options.station:
        arguments.append(f"--url={options.station}")
    if getattr(options, "demo", False):  # an option of ocppsim's own
        arguments.append("--demo")
    return arguments


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


def _tag(text: str) -> str:
    if not 1 <= len(text) <= 20:
        raise argparse.ArgumentTypeError(f"{text!r:.80} does not have 1 to 20 characters")
    return text


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, at most 100000")
    return factor
