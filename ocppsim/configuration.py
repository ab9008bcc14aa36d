"""The configuration keys of a charge point (OCPP 1.6 §5.3, §5.8, §9): a registry that scripts and
plugins share, and that GetConfiguration and ChangeConfiguration are answered from.

On the wire every value is text: numbers are decimal, a bool is ``true`` or ``false``, a list has
commas between its items.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Collection, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from .errors import CallError

if TYPE_CHECKING:
    from .request import Request

__all__ = ["Access", "Change", "Configuration", "Definition"]

Access = Literal["RW", "R", "W"]
Status = Literal["Accepted", "Rejected", "RebootRequired", "NotSupported"]
Listener = Callable[[str, Any, Any], object]
"""Called with key, old and new value."""

MAX_KEY = 50
MAX_VALUE = 500
STORED_AS = "configuration"

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_NAMES = {str: "a text", int: "a whole number", bool: "true or false", float: "a number", list: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a configuration key may be; one can serve any number of charge points.

    type: str, int, bool, float, or list (of str). access: for the CSMS: ``"RW"``, ``"R"`` (it may
    only read), ``"W"`` (it may only write, as with a password). unit: of a number: s, Wh, A.
    minimum, maximum: of a number; of a list, how many items. choices: what a text, or each item of
    a list, may be. max_length: characters of the value as text, at most 500 as the messages hold no
    more. reboot: a change takes effect at the next boot. check(value): why the CSMS cannot have it
    so, in words; None where it can. A script may set what it likes within the other limits. keep: a
    change by the CSMS outlives the process where the charge point keeps its state; never that of a
    key which may only be written, as it is a secret.
    """

    key: str
    type: type[Any] = str
    access: Access = "RW"
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: Collection[str] | None = None
    max_length: int = MAX_VALUE
    reboot: bool = False
    check: Callable[[Any], str | None] | None = None
    keep: bool = True
    description: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.key) <= MAX_KEY:
            raise ValueError(f"a configuration key has 1 to {MAX_KEY} characters: {self.key!r:.80}")
        if self.type not in _NAMES:
            raise ValueError(f"{self.key}: a value is str, int, bool, float or list")
        if self.access not in ("RW", "R", "W"):
            raise ValueError(f"{self.key}: access is RW, R or W, not {self.access!r}")
        if not 0 < self.max_length <= MAX_VALUE:
            text = f"{self.key}: a value has at most {MAX_VALUE} characters, as messages hold no"
            raise ValueError(f"{text} more; not {self.max_length}")

    @property
    def keeps(self) -> bool:
        """Whether a change by the CSMS outlives the process."""
        return self.keep and self.access != "W"

    def parse(self, text: str) -> Any:
        """The value that stands on the wire. Raises ValueError that says what is wrong with it."""
        return self.verify(self._parse(text))

    def text(self, value: Any) -> str:
        """`value` as it goes over the wire."""
        if self.type is bool:
            return "true" if value else "false"
        if self.type is list:
            return ",".join(value)
        if self.type is float:
            return format(Decimal(repr(value)), "f")
        return str(value)

    def verify(self, value: Any) -> Any:
        """`value`, of the type of this key. Raises ValueError that says what is wrong with it; the
        text does not quote what the CSMS must not read."""
        value = self._of_type(value)
        text = self.text(value)
        if len(text) > self.max_length:
            self._refuse(f"{len(text)} characters are more than {self.max_length}")
        if self.type in (int, float, list):
            self._check_limits(len(value) if self.type is list else value)
        if self.choices is not None:
            for item in value if self.type is list else (text,):
                if item not in self.choices:
                    self._refuse(f"{item!r:.80} is none of {', '.join(self.choices)}", "a value")
        return value

    def _parse(self, text: str) -> Any:
        if self.type is str:
            return text
        if self.type is list:
            return [item.strip() for item in text.split(",")] if text.strip() else []
        if self.type is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if self.type is int and _INTEGER.fullmatch(text):
            return int(text)
        if self.type is float and _DECIMAL.fullmatch(text):
            return float(text)
        return self._refuse(f"{text!r:.80} is not {_NAMES[self.type]}", "the value")

    def _of_type(self, value: Any) -> Any:
        good: object
        if self.type is list:
            good = isinstance(value, (list, tuple)) and all(
                isinstance(item, str) and "," not in item and item == item.strip() and item
                for item in value
            )
            if not good:
                self._refuse(f"{value!r:.80} is no list of words without commas", "the value")
            return list(value)
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        good = isinstance(value, self.type) and (self.type is bool or not isinstance(value, bool))
        if not good or (self.type is float and not math.isfinite(value)):
            self._refuse(f"{value!r:.80} is not {_NAMES[self.type]}", "the value")
        return value

    def _check_limits(self, number: float) -> None:
        what = "items are" if self.type is list else self.unit or "is"
        if self.minimum is not None and number < self.minimum:
            self._refuse(f"{number} {what}: less than {self.minimum:g}")
        if self.maximum is not None and number > self.maximum:
            self._refuse(f"{number} {what}: more than {self.maximum:g}")

    def _refuse(self, why: str, instead: str | None = None) -> Any:
        # what is only to be written is a secret
        if instead is not None and self.access == "W":
            why = f"{instead} does not fit"
        raise ValueError(f"{self.key}: {why}")


class Change:
    """What became of a change that the CSMS wanted.

    status: the answer, of ChangeConfiguration.conf. why: where it was refused, in words, for the
    log; else "".
    """

    def __init__(self, status: Status, why: str = "") -> None:
        self.status = status
        self.why = why
        self._then: list[Callable[[], object]] = []

    def finish(self) -> None:
        """Do what listeners left for the time after the answer; once, in this thread. Raises what
        they raise."""
        while self._then:
            self._then.pop(0)()

    def __repr__(self) -> str:
        return f"<Change {self.status}{': ' if self.why else ''}{self.why}>"


class Configuration:
    """The keys of one charge point, its ``configuration``. For any thread.

    Key names are compared without regard to upper and lower case. store: where ``"configuration"``
    keeps what the CSMS changed, as texts by key. on: `ChargePoint.on`, for `serve`.
    """

    def __init__(
        self,
        store: MutableMapping[str, Any] | None = None,
        *,
        on: Callable[[str, Callable[[Request], Any]], object] | None = None,
    ) -> None:
        self._store = store
        self._on = on
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[Definition, Any]] = {}
        self._listeners: dict[str, list[Listener]] = {}

    def add(
        self,
        key: str | Definition,
        value: Any,
        *,
        type: type[Any] = str,
        access: Access = "RW",
        unit: str = "",
        minimum: float | None = None,
        maximum: float | None = None,
        choices: Collection[str] | None = None,
        max_length: int | None = None,
        reboot: bool = False,
        check: Callable[[Any], str | None] | None = None,
        on_change: Listener | None = None,
        keep: bool = True,
        description: str = "",
    ) -> None:
        """Register a key and its value; an earlier one of this name is replaced, its listeners
        stay.

        key: its name, or a `Definition`, which has all that follows but `on_change` (one for many
        charge points spares memory). What the others mean: `Definition`; `on_change`: the method
        of that name. A value that the CSMS gave it in an earlier process comes before `value`,
        where the charge point keeps its state.
        Raises ValueError.
        """
        definition = key
        if not isinstance(definition, Definition):
            definition = Definition(
                key=definition,
                type=type,
                access=access,
                unit=unit,
                minimum=minimum,
                maximum=maximum,
                choices=None if choices is None else tuple(choices),
                max_length=MAX_VALUE if max_length is None else max_length,
                reboot=reboot,
                check=check,
                keep=keep,
                description=description,
            )
        value = self._kept(definition, definition.verify(value))
        with self._lock:
            self._keys[_fold(definition.key)] = definition, value
        if on_change is not None:
            self.on_change(definition.key, on_change)

    def definition(self, key: str) -> Definition:
        """What this key may be. Raises KeyError."""
        return self._entry(key)[0]

    def on_change(self, key: str, callback: Listener) -> None:
        """Have ``callback(key, old, new)`` told of each change, before the CSMS has its answer.

        If it returns a function, that is called once the answer has left, in the thread of the
        handler (at once where the script sets the value): the place to reconnect. If it raises, the
        old value is put back. Raises KeyError.
        """
        definition = self.definition(key)
        with self._lock:
            self._listeners.setdefault(_fold(definition.key), []).append(callback)

    def get(self, keys: Sequence[str] = ()) -> dict[str, Any]:
        """The payload of GetConfiguration.conf for `keys`; without any, for all that may be read.

        A key that may only be written is told without its value, where it is asked for by name.
        Raises CallError, for the CSMS, where more keys are asked for than GetConfigurationMaxKeys
        allows, if there is such a key.
        """
        with self._lock:
            entries = dict(self._keys)
        limit = entries.get(_fold("GetConfigurationMaxKeys"))
        if limit is not None and len(keys) > limit[1]:
            text = f"{len(keys)} keys are asked for; GetConfigurationMaxKeys is {limit[1]}"
            raise CallError("OccurenceConstraintViolation", text)
        if not keys:
            told = [entry for entry in entries.values() if entry[0].access != "W"]
            return {"configurationKey": [_tell(*entry) for entry in told]}
        asked = {_fold(key): key for key in keys}
        known = [_tell(*entries[folded]) for folded in asked if folded in entries]
        unknown = [key for folded, key in asked.items() if folded not in entries]
        payload = {"configurationKey": known, "unknownKey": unknown}
        return {name: items for name, items in payload.items() if items}

    def change(self, key: str, text: str) -> Change:
        """Do what ChangeConfiguration asks for. Raises what a listener raises.

        Call ``finish()`` of the result when the answer has left.
        """
        try:
            definition = self.definition(key)
        except KeyError:
            return Change("NotSupported", f"there is no configuration key {key!r:.80}")
        if definition.access == "R":
            return Change("Rejected", f"{definition.key} is read-only")
        try:
            value = definition.parse(text)
        except ValueError as error:
            return Change("Rejected", str(error))
        why = None if definition.check is None else definition.check(value)
        if why is not None:
            return Change("Rejected", f"{definition.key}: {why}")
        change = Change("RebootRequired" if definition.reboot else "Accepted")
        change._then = self._set(definition, value)
        self._keep(definition)
        return change

    def serve(self) -> None:
        """Answer GetConfiguration and ChangeConfiguration from here, as the script's handlers."""
        if self._on is None:
            raise ValueError("this configuration belongs to no charge point")
        self._on("GetConfiguration", self.answer)
        self._on("ChangeConfiguration", self.answer)

    def answer(self, request: Request) -> dict[str, Any] | Iterator[dict[str, Any]]:
        """Answer a GetConfiguration or a ChangeConfiguration: what a handler returns."""
        if request.action == "GetConfiguration":
            return self.get(request.payload.get("key") or ())
        return self._answer_change(request)

    def _answer_change(self, request: Request) -> Iterator[dict[str, Any]]:
        change = self.change(str(request.payload.get("key")), str(request.payload.get("value")))
        if change.why:
            request.cp.log("ChangeConfiguration: %s: %s", change.status, change.why)
        yield {"status": change.status}
        change.finish()

    def __getitem__(self, key: str) -> Any:
        value = self._entry(key)[1]
        return list(value) if isinstance(value, list) else value

    def __setitem__(self, key: str, value: Any) -> None:
        definition = self.definition(key)
        for then in self._set(definition, definition.verify(value)):
            then()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _fold(key) in self._keys

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter([definition.key for definition, _ in self._keys.values()])

    def __len__(self) -> int:
        return len(self._keys)

    def _entry(self, key: str) -> tuple[Definition, Any]:
        try:
            return self._keys[_fold(key)]
        except KeyError:
            raise KeyError(f"there is no configuration key {key!r:.80}") from None

    def _set(self, definition: Definition, value: Any) -> list[Callable[[], object]]:
        """What listeners left for later. They are called without the lock."""
        folded = _fold(definition.key)
        with self._lock:
            old = self._keys[folded][1]
            self._keys[folded] = definition, value
            listeners = list(self._listeners.get(folded, ()))
        if old == value:
            return []
        try:
            results = [listener(definition.key, old, value) for listener in listeners]
        except BaseException:
            with self._lock:
                self._keys[folded] = definition, old
            raise
        return [result for result in results if callable(result)]

    def _kept(self, definition: Definition, value: Any) -> Any:
        if self._store is None or not definition.keeps:
            return value
        text = self._store.get(STORED_AS, {}).get(definition.key)
        try:
            return value if text is None else definition.parse(text)
        except ValueError:  # another kind of charge point kept it
            return value

    def _keep(self, definition: Definition) -> None:
        if self._store is None or not definition.keeps:
            return
        with self._lock:  # the store calls nobody, and the last value must win
            definition, value = self._keys[_fold(definition.key)]
            kept = self._store.get(STORED_AS, {})
            self._store[STORED_AS] = {**kept, definition.key: definition.text(value)}


def _tell(definition: Definition, value: Any) -> dict[str, Any]:
    told = {"key": definition.key, "readonly": definition.access == "R"}
    return told if definition.access == "W" else {**told, "value": definition.text(value)}


def _fold(key: str) -> str:
    return key.casefold()
