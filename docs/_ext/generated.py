"""Puts what is read from the code into the pages: ``<!-- generated: NAME -->`` stands for it."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import facts
from sphinx.application import Sphinx

import ocppsim
from ocppsim import verdict
from ocppsim.csms_parser import csms_parser
from ocppsim.hookspecs import ocppsim_call
from ocppsim.parser import ocppsim_parser
from ocppsim.protocol import Action
from ocppsim.trace_parser import trace_parser
from ocppsim.v16.actions import PROTOCOL

_PLACE = re.compile(r"^<!-- generated: (\w+) ?(\w*) -->$", re.M)
_PACKAGE = Path(ocppsim.__file__).parent
_ARROWS = {
    "charge point": "charge point → CSMS",
    "CSMS": "CSMS → charge point",
    "both": "charge point ⇄ CSMS",
}


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", _adapt)
    app.connect("source-read", _fill_in)
    return {"parallel_read_safe": True}


def _adapt(app: Sphinx, docname: str, source: list[str]) -> None:
    """What reads well in a clone, and otherwise here."""
    # a picture within the page takes its colours
    inline = r"```{raw} html\n:file: \1\n```"
    source[0] = re.sub(r"^!\[[^\]]*\]\((\S+\.svg)\)$", inline, source[0], flags=re.M)
    # what lies outside docs/ has no page
    source[0] = re.sub(r"\[([^\]]+)\]\((?:\.\./)+plugins/[^)]+\)", r"\1", source[0])


def _fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    def text(match: re.Match[str]) -> str:
        name, argument = match.groups()
        return "\n".join(_TEXTS[name](argument) if argument else _TEXTS[name]())

    if _PLACE.search(source[0]):
        source[0] = _PLACE.sub(text, source[0])
        for path in [*_PACKAGE.rglob("*.py"), *Path(__file__).parent.glob("*.py")]:
            app.env.note_dependency(str(path), docname=docname)


# --- messages ------------------------------------------------------------------------------------


def overview() -> Iterator[str]:
    yield "{.overview}\n| action | sent by | profile | what for |"
    yield "| --- | --- | --- | --- |"
    for action in sorted(PROTOCOL.actions.values(), key=lambda action: action.name):
        what, _ = facts.summary(action.request)
        cells = _link(action), action.sender, _title(action.profile), _first_sentence(what)
        yield _row(*cells)


def _title(name: str) -> str:
    """``Local auth list management`` of ``LocalAuthListManagement``."""
    return re.sub(r"(?<=[a-z])[A-Z]", lambda match: f" {match[0].lower()}", name)


def profile(name: str) -> Iterator[str]:
    """Every action of a feature profile."""
    for action in sorted(PROTOCOL.actions.values(), key=lambda action: action.name):
        if action.profile == name:
            yield from _action(action)


def _action(action: Action) -> Iterator[str]:
    what, where = facts.summary(action.request)
    answer, _ = facts.summary(action.response)
    yield f"({_label(action)})=\n\n## {action.name}\n"
    yield f"{{.facts}}\n{_ARROWS[action.sender]} · {_joined(action)} · {where}\n"
    yield f"{_text(what)}\n"
    yield from _payload("Request", action.request)
    yield from _payload("Response", action.response, answer)
    yield f"```python\n{facts.example_lines(action)}\n```\n"


def _joined(action: Action) -> str:
    method, hook = facts.method_of(action), facts.hook_of(action)
    parts = []
    if method is not None:
        parts.append(f"{{py:meth}}`{method}() <ocppsim.v16.chargepoint.ChargePoint16.{method}>`")
    if hook is not None:
        parts.append(f"{{py:func}}`{hook} <ocppsim.v16.hookspecs.{hook}>`")
    return " · ".join(parts)


def _payload(title: str, message: type, what: str = "") -> Iterator[str]:
    empty = "" if facts.fields(message) else " No fields."
    said = f"{_text(what)}{empty}".strip()
    yield f"({message.__name__.lower()})=\n\n**{title}**{' — ' if said else ''}{said}\n"
    yield from _table(message)


def _table(message: type) -> Iterator[str]:
    if facts.fields(message):
        yield "{.fields}\n| field | type | required | meaning |"
        yield "| --- | --- | --- | --- |"
        for field in facts.fields(message):
            name = f"`{field.name}`"
            # the type says it already
            text = re.sub(r",? at most \d+ characters", "", field.text)
            yield _row(name, _type(field), "yes" if field.required else "", _text(text))
        yield ""


def _type(field: facts.Field) -> str:
    kind = field.schema
    if kind.get("type") == "array":
        least = kind.get("minItems")
        item = facts.Field(field.name, field.type, kind["items"], True, "")
        return f"list of {_type(item)}" + (f", at least {least}" if least else "")
    if "enum" in kind:
        return f"[{field.type}](#{field.type.lower()})"
    match kind.get("type"), kind.get("format"):
        case "object", _:
            return f"[{field.type}](#{field.type.lower()})"
        case "string", None:
            return (
                f"string, ≤\N{NO-BREAK SPACE}{kind['maxLength']}"
                if "maxLength" in kind
                else "string"
            )
        case "string", form:
            return str(form)
        case "number", _:
            return f"number, steps of {kind['multipleOf']}" if "multipleOf" in kind else "number"
    return str(kind.get("type", "anything"))


def structures() -> Iterator[str]:
    for message in sorted(facts.structures(), key=lambda message: message.__name__):
        what, where = facts.summary(message)
        yield f"({message.__name__.lower()})=\n\n### {message.__name__}\n"
        yield f"{_text(what)} {where}.\n"
        yield from _table(message)


def enumerations() -> Iterator[str]:
    for name, (note, values) in sorted(facts.enumerations().items()):
        yield f"({name.lower()})=\n\n### {name}\n"
        section, _, rest = note.partition(". ")
        text = rest if section.startswith("§") else note
        if not re.fullmatch(r"§[\d.]*", note):
            yield f"{_text(text)}\n"
        if any(value.text for value in values):
            yield "{.fields}\n| value | meaning |\n| --- | --- |"
            yield from (_row(f"`{value.name}`", _text(value.text)) for value in values)
            yield ""
        else:
            yield ", ".join(f"`{value.name}`" for value in values) + "\n"


def error_codes() -> Iterator[str]:
    yield ", ".join(f"`{code}`" for code in sorted(PROTOCOL.error_codes)) + "."


# --- methods and hooks ---------------------------------------------------------------------------


def hooks() -> Iterator[str]:
    for action in sorted(PROTOCOL.from_csms.values(), key=lambda action: action.name):
        hook = facts.hook_of(action)
        yield f"```{{eval-rst}}\n.. autofunction:: ocppsim.v16.hookspecs.{hook}\n```\n"


def other_hooks() -> Iterator[str]:
    module = ocppsim_call.__globals__
    for name, value in module.items():
        if name.startswith("ocppsim_") and callable(value):
            yield f"```{{eval-rst}}\n.. autofunction:: ocppsim.hookspecs.{name}\n```\n"


# --- programs ------------------------------------------------------------------------------------

_PARSERS: dict[str, Callable[[], ArgumentParser]] = {
    "ocppsim": ocppsim_parser,
    "csms": csms_parser,
    "trace": trace_parser,
}


def program_help(name: str) -> Iterator[str]:
    with mock.patch.dict(os.environ, COLUMNS="88", NO_COLOR="1"):
        yield f"```text\n{_PARSERS[name]().format_help().rstrip()}\n```"


def variables() -> Iterator[str]:
    yield "| variable | option | what it does |"
    yield "| --- | --- | --- |"
    for option in ocppsim_parser()._actions:
        found = re.search(r"\s*\[(OCPPSIM_\w+)(?:, ([^\]]+))?\]$", option.help or "")
        if found:
            said = (option.help or "")[: found.start()]
            form = f" ({found[2]})" if found[2] else ""
            flags = [flag for flag in option.option_strings if not flag.startswith("--no-")]
            flags += [f for f in option.option_strings if f == "--no-plugin"]
            names = ", ".join(f"`{flag}`" for flag in dict.fromkeys(flags))
            yield _row(f"`{found[1]}`", names, f"{said}{form}")


def statuses() -> Iterator[str]:
    """The exit statuses, from the words of the help; held against the constants of the code."""
    text = " ".join((ocppsim_parser().epilog or "").split())
    listed = re.search(r"Exit status: (.*?); or (what the script gave to sys\.exit)", text)
    assert listed is not None
    entries = [entry.strip().partition(" ") for entry in listed[1].split("; ")]
    known = {getattr(verdict, name) for name in verdict.__all__ if name.isupper()}
    if {int(status) for status, _, _ in entries} != known:
        facts.warn(f"exit statuses: the help has {entries}, the code {sorted(known)}")
    yield "| status | what it means |"
    yield "| --: | --- |"
    yield from (_row(status, what) for status, _, what in entries)
    yield _row("other", "what the script gave to `sys.exit`")


def error_tree() -> Iterator[str]:
    doc = ocppsim.errors.__doc__ or ""
    tree = re.search(r"::\n\n(.*?)\n\n", doc, re.S)
    assert tree is not None
    yield "```text"
    yield from (line.removeprefix("    ") for line in tree[1].splitlines())
    yield "```"


def errors() -> Iterator[str]:
    tree = ocppsim.errors.__doc__ or ""
    for name in sorted(ocppsim.errors.__all__, key=tree.find):
        if name in tree:
            yield f"```{{eval-rst}}\n.. autoexception:: ocppsim.{name}\n   :show-inheritance:\n"
            yield "```\n"


# --- text ----------------------------------------------------------------------------------------


def _label(action: Action) -> str:
    return f"action-{action.name.lower()}"


def _link(action: Action) -> str:
    return f"[{action.name}](#{_label(action)})"


def _text(text: str) -> str:
    """Prose of a docstring as Markdown."""
    return re.sub(r"([*<>|])|(\w)_(\W|$)", r"\\\g<0>", text)


def _first_sentence(text: str) -> str:
    return _text(re.split(r"(?<=\.)\s", text, maxsplit=1)[0])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


_TEXTS: dict[str, Callable[..., Iterator[str]]] = {
    "overview": overview,
    "profile": profile,
    "structures": structures,
    "enumerations": enumerations,
    "error_codes": error_codes,
    "hooks": hooks,
    "other_hooks": other_hooks,
    "help": program_help,
    "variables": variables,
    "statuses": statuses,
    "error_tree": error_tree,
    "errors": errors,
}
