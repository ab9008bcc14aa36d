"""Lists of measurands as configuration keys write them, and the MeterValue that comes of one.

The keys are MeterValuesSampledData, MeterValuesAlignedData, StopTxnSampledData and
StopTxnAlignedData (OCPP 1.6 §9.1): measurands with commas between them, each with a phase behind
a dot if one is meant, as in ``Energy.Active.Import.Register,Voltage.L1-N``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, cast, get_args

from ocppsim import timestamp
from ocppsim.v16.types import Measurand, MeterValue, Phase, ReadingContext

from .reading import MEASURANDS, Reading, phases_of

__all__ = ["Item", "TransactionData", "meter_value", "parse_measurands", "refusal"]

PHASES = frozenset(get_args(Phase))


class Item(NamedTuple):
    """One entry of such a list. Without a phase the whole is meant."""

    measurand: Measurand
    phase: Phase | None = None


def parse_measurands(text: str, *, phases: int = 3, maximum: int | None = None) -> tuple[Item, ...]:
    """The entries of `text`; none where it is empty. Spaces around commas do not matter.

    phases: how many the grid has. maximum: the most entries, as the …MaxLength key says. Raises
    ValueError, in one line, for what this meter does not measure, or not in that phase, for an
    entry that is there twice, and for too many.
    """
    if not text.strip():
        return ()
    items = tuple(_item(entry.strip(), phases) for entry in text.split(","))
    for index, item in enumerate(items):
        if item in items[:index]:
            raise ValueError(f"{'.'.join(filter(None, item))} is in the list twice")
    if maximum is not None and len(items) > maximum:
        raise ValueError(f"{len(items)} measurands, at most {maximum} are allowed")
    return items


def refusal(text: str, *, phases: int = 3, maximum: int | None = None) -> str | None:
    """Why parse_measurands() would not take `text`, in words; None where it does."""
    try:
        parse_measurands(text, phases=phases, maximum=maximum)
    except ValueError as error:
        return str(error)
    return None


def _item(entry: str, phases: int) -> Item:
    if entry in MEASURANDS:
        return Item(entry)
    measurand, _, phase = entry.rpartition(".")
    if measurand not in MEASURANDS or phase not in PHASES:
        if entry in get_args(Measurand):
            raise ValueError(f"{entry} does not apply here, this meter does not measure it")
        raise ValueError(f"{entry!r} is not a measurand of OCPP 1.6, with or without a phase")
    item = Item(measurand, cast(Phase, phase))
    known = phases_of(item.measurand, phases)
    if item.phase not in known:
        which = f"its phases here are {', '.join(known)}" if known else "it has no phases"
        raise ValueError(f"{entry} does not apply here, {which}")
    return item


def meter_value(
    items: Iterable[Item], reading: Reading, context: ReadingContext, moment: datetime
) -> MeterValue | None:
    """What `reading` says about `items`, measured at `moment`.

    None where that is nothing: a MeterValue has one value at least.
    """
    values = [value for item in items for value in reading.sampled_values(*item, context)]
    return {"timestamp": timestamp(moment), "sampledValue": values} if values else None


class TransactionData:
    """The transactionData of a StopTransaction, collected while the transaction lasts.

    At most `maximum` moments are kept. When there are more, every second one goes, and from then
    on only every second one that comes is kept, and so on: the first, the last, and what lies
    evenly between them. Sampled and clock-aligned data are better collected in one of these each,
    since of two that take turns only one would be left.

    values: what `values` gave in an earlier life. Raises ValueError for a maximum below 3.
    """

    def __init__(self, maximum: int = 1000, values: Iterable[MeterValue] = ()) -> None:
        if maximum < 3:
            raise ValueError(f"transactionData has room for 3 moments or more, not {maximum}")
        self.maximum = maximum
        self._stride = 1
        self._count = 0
        self._kept: list[MeterValue] = []
        self._last: MeterValue | None = None  # where it is not among those
        for value in values:
            self.add(value)

    @property
    def values(self) -> list[MeterValue]:
        """What is kept, in its order. JSON, to be saved or sent."""
        return list(self._kept) if self._last is None else [*self._kept, self._last]

    def add(self, value: MeterValue | None) -> None:
        """Keep one more moment; None, nothing measured, is nothing to keep."""
        if value is None:
            return
        self._last = value
        if self._count % self._stride == 0:
            self._kept.append(value)
            self._last = None
        self._count += 1
        if len(self._kept) + (self._last is not None) > self.maximum:
            self._kept = self._kept[::2]
            self._stride *= 2
            self._last = None if self._kept[-1] is value else value
