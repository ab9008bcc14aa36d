"""Makes the docstrings of ocppsim, which are plain prose, into what Sphinx shows well.

In a docstring `name` in single backticks is code; ``name: text`` says what a parameter or an
attribute is, several in one paragraph; ``Raises …`` ends it. From these come field lists and links.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from typing import Any

import facts
import ocppsim_core
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

import ocppsim
from ocppsim import csms, errors, viewer
from ocppsim.server import Server

# the others come from elsewhere: how they are made is nobody's business
_MADE_BY_SCRIPTS = (
    csms.CentralSystem,
    ocppsim.CallError,
    ocppsim.Plugins,
    viewer.Filter,
    Server,
    *(cls for name in ocppsim_core.__all__ if inspect.isclass(cls := getattr(ocppsim_core, name))),
)
_PUBLIC = [(module, module.__name__) for module in (ocppsim, csms, viewer)]
_ERRORS = "|".join(name for name in errors.__all__ if name != "Fault")
# a literal, a name in single backticks, an error's name, a page
_INLINE = re.compile(rf"``.+?``|`([^`]+)`|\b({_ERRORS})\b|\bdocs/([\w-]+)\.md\b|[*|]|\w_\b", re.S)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-process-signature", _signature)
    app.connect("missing-reference", _missing)
    return {"parallel_read_safe": True}


def _docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    if lines and lines[0].startswith("Alias for field number"):  # of a NamedTuple
        lines.clear()
    lines[:] = Docstring(what, name, obj, "\n".join(lines)).rst().splitlines()


class Docstring:
    """The docstring of `obj`, which Sphinx knows as a `what` called `name`."""

    def __init__(self, what: str, name: str, obj: Any, text: str) -> None:
        self.what, self.name, self.obj, self.text = what, name, obj, text
        self.owner = name if what in ("class", "exception") else name.rpartition(".")[0]
        self.is_class = what in ("class", "exception")
        self.known = _attributes(obj) if self.is_class else _parameters(obj)
        self.prose: list[str] = []
        self.fields: list[tuple[str, str]] = []
        self.payloads: list[str] = []
        self.raises: list[str] = []

    def rst(self) -> str:
        literal = False
        for part in re.split(r"\n\s*\n", self.text.strip("\n")):
            if literal and (part.startswith(" ") or self.prose[-1].endswith("::")):
                self.prose.append(part if part.startswith(" ") else textwrap.indent(part, "    "))
                continue
            self._paragraph(part)
            literal = bool(self.prose) and self.prose[-1].endswith("::")
        fields = []
        entries = [f"* **{names}**{self._type(names)}: {text}" for names, text in self.fields]
        entries += [f"* **{name}**{self._type(name)}" for name in self._others()]
        if entries:
            title = "Attributes" if self.is_class else "Parameters"
            fields.append(f":{title}:\n" + textwrap.indent("\n".join(entries), "    "))
        if self.raises:
            fields.append(f":Raises: {' '.join(self.raises)}")
        return "\n\n".join(filter(None, [*self.prose, "\n".join([*self.payloads, *fields])]))

    def _type(self, name: str) -> str:
        """Of an attribute; parameters have theirs in the signature."""
        text = getattr(self.obj, "__annotations__", {}).get(name) if self.is_class else None
        return f" (*{self._inline(str(text))}*)" if text else ""

    def _others(self) -> list[str]:
        """The attributes of which the docstring says nothing."""
        if not self.is_class:
            return []
        said = {name for names, _ in self.fields for name in names.split(", ")}
        names = [*getattr(self.obj, "__annotations__", ()), *getattr(self.obj, "__slots__", ())]
        return [n for n in dict.fromkeys(names) if not n.startswith("_") and n not in said]

    def _paragraph(self, part: str) -> None:
        payload = re.match(r"(Request|Response):\s+(.*)", part, re.S)
        if payload:
            self.payloads.append(self._payload(*payload.groups()))
            return
        part, raises = _cut(part, r"(?:^|(?<=[.)]\s))Raises (?=\w)")
        head, *entries = self._entries(part)
        if head.strip():
            self.prose.append(self._inline(head.strip()))
        for names, text in entries:
            text, rest = _cut(text, r"(?<=\.)\n(?=[A-Z]|\w+=)")
            self.fields.append((names, self._inline(" ".join(text.split())).rstrip(";")))
            if rest:
                self.prose.append(self._inline(rest))
        if raises:
            self.raises.append(self._inline(" ".join(raises.split())))

    def _entries(self, text: str) -> list[Any]:
        """What stands before the first ``name: text``, and each name with its text."""
        if not self.known:
            return [text]
        name = rf"(?:{'|'.join(map(re.escape, sorted(self.known, key=len, reverse=True)))})"
        start = rf"(?:^|(?<=[.;]\s))({name}(?:, {name})*)(?:\(\w*\))?:\s"
        head, *parts = re.split(start, text, flags=re.M)
        return [head, *zip(parts[::2], parts[1::2], strict=True)]

    def _payload(self, title: str, text: str) -> str:
        """The block of a request or a response that `ocppsim.generate` writes."""
        if text.strip() == "no fields.":
            return f":{title}: no fields."
        entries = re.split(r"^ *(\w+(?: \(optional\))?): ", text, flags=re.M)[1:]
        lines = []
        for name, body in zip(entries[::2], entries[1::2], strict=True):
            name, _, optional = name.partition(" ")
            mark = f" {optional}" if optional else ""
            lines.append(f"* **{name}**{mark}: {self._inline(' '.join(body.split()))}")
        return f":{title}:\n" + textwrap.indent("\n".join(lines), "    ")

    def _inline(self, text: str) -> str:
        return _INLINE.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        whole, (name, error, page) = match[0], match.groups()
        if name is not None:
            if name in self.known:
                return f"``{name}``"
            target = self._target(name)
            return f":py:obj:`{name} <{target}>`" if target else f"``{name}``"
        if error is not None:
            return f":py:exc:`{error} <ocppsim.{error}>`"
        if page is not None:
            return f":doc:`/{page}`"
        return whole if whole.startswith("``") else whole.replace(whole[-1], "\\" + whole[-1])

    def _target(self, name: str) -> str | None:
        """The full name of what a docstring calls `name`; None where that is no public object."""
        if name.startswith("ocppsim."):
            return name if name.removeprefix("ocppsim.") in ocppsim.__all__ else None
        owners = [*_returned(self.obj, name), (_find(self.owner), self.owner), *_PUBLIC]
        owners.append((ocppsim.ChargePoint, "ocppsim.ChargePoint"))
        for owner, path in owners:
            first, *rest = name.split(".")
            public = getattr(owner, "__all__", None)
            if owner is None or (public is not None and first not in public):
                continue
            found = owner
            for step in (first, *rest):
                found = getattr(found, step, None)
            if found is not None and not inspect.ismodule(found):
                return f"{path}.{name}"
        if "." in name:
            facts.warn(f"{self.name}: there is no `{name}`")
        return None


def _returned(obj: Any, name: str) -> list[tuple[Any, str]]:
    """The class of what a function returns, where it has a `name` of its own."""
    annotation = getattr(obj, "__annotations__", {}).get("return")
    found = getattr(obj, "__globals__", {}).get(annotation)
    if not inspect.isclass(found) or name not in vars(found):
        return []
    public = [path for module, path in _PUBLIC if found.__name__ in module.__all__]
    return [(found, f"{(*public, found.__module__)[0]}.{found.__name__}")]


def _cut(text: str, pattern: str) -> tuple[str, str]:
    """`text` before the first match, and from behind it."""
    head, *tail = re.split(pattern, text, maxsplit=1, flags=re.M)
    return head, (tail or [""])[0]


def _find(path: str) -> Any:
    """The object of this full name."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for step in parts[length:]:
            found = getattr(found, step, None)
        return found
    return None


def _parameters(obj: Any) -> set[str]:
    try:
        return set(inspect.signature(obj).parameters) - {"self"}
    except (TypeError, ValueError):
        return set()


def _attributes(obj: type) -> set[str]:
    """What a class has, or gives its objects."""
    found = {name for name in dir(obj) if not name.startswith("_")}
    for cls in obj.__mro__[:-1]:
        found |= set(getattr(cls, "__annotations__", {}))
        if cls.__module__.startswith("ocppsim"):
            tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
            found |= {
                node.attr
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            }
    return {name for name in found if not name.startswith("_")}


def _signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str
) -> tuple[str, str] | None:
    action = facts.action_of_method(name)
    if action is not None:
        return f"({facts.keyword_arguments(action)})", action.response.__name__
    if name.startswith("ocppsim.") and ".hookspecs." in name:
        return f"({', '.join(inspect.signature(obj).parameters)})", ""
    if signature and what in ("class", "exception") and obj not in _MADE_BY_SCRIPTS:
        return "", ""
    return None


def _missing(app: Sphinx, env: Any, node: pending_xref, contnode: nodes.TextElement) -> Any:
    """Names of types in signatures: what these pages have by another path is linked; the rest, of
    the standard library and of the inside of ocppsim, stays as it is."""
    if node.get("refdomain") != "py":
        return None
    target = str(node["reftarget"])
    last = target.rpartition(".")[2]
    for path in (f"ocppsim.{last}", f"ocppsim.csms.{last}", f"ocppsim.viewer.{last}"):
        if path != target and path in env.domains.python_domain.objects:
            return env.domains.python_domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", path, node, contnode
            )
    label = env.domains.standard_domain.anonlabels.get(last.lower())
    if label is not None and last in facts.payload_names():
        return make_refnode(app.builder, node["refdoc"], *label, contnode)
    return contnode if node["reftype"] == "class" else None
