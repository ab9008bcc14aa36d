"""Finding plugins, checking them one by one, and asking them.

A plugin comes from an installed distribution (entry point group ``ocppsim``), from a folder (each
``.py`` file), or from code (`Plugins.register`). One that is broken is named in `problems` and left
out; the others work.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.metadata
import importlib.util
import inspect
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from . import hookspecs
from .protocol import snake_case
from .v16 import hookspecs as hookspecs16

if TYPE_CHECKING:
    from .request import Request

__all__ = ["PluginInfo", "Plugins", "find", "share", "shared"]

_log = logging.getLogger("ocppsim.plugins")

GROUP = "ocppsim"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin: its name, version ("" where it has none), where it comes from, and its hooks."""

    name: str
    version: str
    source: str
    hooks: tuple[str, ...]


class Plugins:
    """A set of plugins. `connect` uses the process's own (`shared`) unless it is given another."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("ocppsim")
        self._manager.add_hookspecs(hookspecs)
        self._manager.add_hookspecs(hookspecs16)
        self._known = {name for name in vars(self._manager.hook) if not name.startswith("_")}
        self._infos: dict[str, PluginInfo] = {}
        self._blocked: set[str] = set()
        self._configured = False
        self._in_use = False
        self._met: set[str] = set()
        self.problems: list[str] = []
        """What was wrong with plugins that were left out, a line each."""

    def __iter__(self) -> Iterator[PluginInfo]:
        return iter(self._infos.values())

    def block(self, names: Iterable[str]) -> None:
        """Leave these out when they are found."""
        self._blocked.update(names)

    def register(
        self, plugin: object, name: str | None = None, *, version: str = "", source: str = "code"
    ) -> bool:
        """Add a module or an object with hook implementations. Whether it could be.

        Its functions must be marked with ``@hookimpl`` and named and called as a hook is.
        """
        name = name or str(getattr(plugin, "__name__", type(plugin).__name__))
        if name in self._blocked:
            return False
        if self._in_use:
            return self._leave_out(name, "charge points are connected with this set already")
        if name in self._infos:
            text = f"there is one of this name already, from {self._infos[name].source}"
            return self._leave_out(name, text)
        if inspect.isclass(plugin):
            return self._leave_out(name, "this is a class; an instance of it can be a plugin")
        problem = self._unmarked(plugin)
        if problem:
            return self._leave_out(name, problem)
        try:
            self._manager.register(plugin, name)
            hooks = self._hooks_of(plugin)
        except Exception as error:  # pluggy's own verdict, or a plugin's odd attribute
            self._unregister(name)
            text = " ".join(str(error).split())
            return self._leave_out(name, text)
        self._infos[name] = PluginInfo(name, version, source, hooks)
        return True

    def load_installed(self) -> None:
        """Add the plugins of all installed distributions."""
        for entry in importlib.metadata.entry_points(group=GROUP):
            self._met.add(entry.name)
            if entry.name in self._blocked:
                continue
            source, version = "installed", ""
            if entry.dist is not None:
                source, version = entry.dist.name, entry.dist.version
            self._load(entry.name, entry.load, version, source)

    def load_folder(self, folder: str | os.PathLike[str]) -> None:
        """Add each ``.py`` file of a folder as a plugin, named after the file; tests and names that
        begin with an underscore are passed over."""
        path = Path(folder)
        try:
            files = sorted(path.glob("*.py")) if path.is_dir() else None
        except OSError as error:
            self._leave_out(str(path), str(error))
            return
        if files is None:
            self._leave_out(str(path), "there is no such folder")
            return
        for file in files:
            self._met.add(file.stem)
            helper = file.stem == "conftest" or file.stem.startswith(("_", "test_"))
            if not helper and file.stem not in self._blocked:
                self._load(file.stem, partial(_import, file), "", str(file))

    def never_met(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that no plugin had."""
        return sorted(set(names) - self._met)

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Let each plugin add its options, in a group of its own. One whose options make no sense
        is left out."""
        for name, function in list(self._implementations("ocppsim_add_options")):
            try:
                _try_options(function)
                function({"parser": parser.add_argument_group(f"plugin {name}")})
            except BaseException as error:
                _let_through(error)
                self._unregister(name)
                self._leave_out(name, f"ocppsim_add_options: {_said(error)}")

    def configure(self, options: argparse.Namespace) -> None:
        """Tell each plugin the options, once."""
        self._configured = True
        self.tell("ocppsim_configure", options=options)

    def script(self, options: argparse.Namespace) -> list[str] | None:
        """The script that a plugin wants to be run, with its arguments; None where none wants
        one."""
        for name, function in self._implementations("ocppsim_script"):
            try:
                found = function({"options": options})
                if found is not None:
                    return [str(part) for part in found]
            except BaseException as error:
                _let_through(error)
                _log.exception("plugin %s: ocppsim_script failed", name)
        return None

    def configure_by_default(self) -> None:
        """For a program without a command line: the defaults of the plugins' options."""
        if not self._configured:
            parser = argparse.ArgumentParser(add_help=False)
            self.add_options(parser)
            self.configure(parser.parse_args([]))

    def has(self, hook: str) -> bool:
        """Whether any plugin implements `hook`."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def tell(self, hook: str, **arguments: Any) -> None:
        """Call `hook` of every plugin. One that raises is named in the log; the others go on."""
        for name, function in self._implementations(hook):
            try:
                function(arguments)
            except BaseException as error:
                _let_through(error)
                _log.exception("plugin %s: %s failed", name, hook)

    def use(self) -> None:
        """A charge point lives with this set: from now on nothing is registered."""
        self._in_use = True
        self.configure_by_default()

    def answerers(
        self, prefix: str | None, request: Request
    ) -> Iterator[tuple[str, Callable[[Request], Any]]]:
        """Who may answer `request`, in turn: a text for the log, and the handler.

        prefix: of the version's hooks, ``ocpp16_``; None where the version has no such action.
        """
        trigger = request.requestedMessage is not None
        arguments: dict[str, Any] = {"cp": request.cp}
        if trigger:
            arguments["requestedMessage"] = request.requestedMessage
        for hook in self._asked(prefix, request.action, trigger):
            for name, function in self._implementations(hook):
                yield f"plugin {name} ({hook})", partial(_ask, function, arguments)

    def asked(
        self, prefix: str | None, action: str, *, trigger: bool
    ) -> Iterator[tuple[str, str, str]]:
        """Who may answer an `action`, in turn: the plugin, its hook, and what its implementation
        says of itself. prefix: as for answerers; trigger: it asks for a message."""
        for hook in self._asked(prefix, action, trigger):
            for found in self._in_turn(hook):
                yield found.plugin_name, hook, inspect.getdoc(found.function) or ""

    def _asked(self, prefix: str | None, action: str, trigger: bool) -> list[str]:
        """The hooks that are asked for an answer."""
        hooks = ["ocppsim_trigger"] if trigger else []
        if prefix is not None:
            hooks.append(f"{prefix}{snake_case(action)}")
        return [hook for hook in (*hooks, "ocppsim_call") if hook in self._known]

    def _implementations(self, hook: str) -> Iterator[tuple[str, Callable[[dict[str, Any]], Any]]]:
        # one by one instead of pluggy's call of all, so that a fault has a name
        for found in self._in_turn(hook):
            yield found.plugin_name, partial(_call, found)

    def _in_turn(self, hook: str) -> Iterator[pluggy.HookImpl]:
        yield from reversed(getattr(self._manager.hook, hook).get_hookimpls())

    def _load(self, name: str, load: Callable[[], Any], version: str, source: str) -> None:
        try:
            plugin = load()
        except BaseException as error:
            _let_through(error)
            self._leave_out(name, f"importing it failed: {_said(error)} (from {source})")
            _log.debug("plugin %s", name, exc_info=True)
        else:
            self.register(plugin, name, version=version, source=source)

    def _hooks_of(self, plugin: object) -> tuple[str, ...]:
        hooks = []
        for caller in self._manager.get_hookcallers(plugin) or []:
            for found in caller.get_hookimpls():
                if found.plugin is not plugin:
                    continue
                if found.hookwrapper or found.wrapper:
                    raise ValueError(f"{caller.name} is a wrapper; ocppsim asks plugins one by one")
                if not caller.has_spec() and not found.optionalhook:
                    raise ValueError(self._unknown(caller.name))
            hooks.append(caller.name)
        return tuple(sorted(hooks))

    def _unknown(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._known, 1)
        return f"there is no hook {name}" + (f"; did you mean {close[0]}?" if close else "")

    def _unmarked(self, plugin: object) -> str | None:
        for name in self._known:
            function = getattr(plugin, name, None)
            if callable(function) and not hasattr(function, "ocppsim_impl"):
                return f"{name} has no @hookimpl"
        return None

    def _unregister(self, name: str) -> None:
        self._infos.pop(name, None)
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)

    def _leave_out(self, name: str, why: str) -> bool:
        text = f"plugin {name}: {why}; it is left out"
        self.problems.append(text)
        _log.error("%s", text)
        return False


def _call(found: pluggy.HookImpl, given: dict[str, Any]) -> Any:
    return found.function(*[given[name] for name in found.argnames])


def _ask(
    function: Callable[[dict[str, Any]], Any], arguments: dict[str, Any], request: Request
) -> Any:
    return function({**arguments, "request": request})


def _let_through(error: BaseException) -> None:
    # all else is the plugin's fault, sys.exit() and pytest.fail() too
    if isinstance(error, KeyboardInterrupt):
        raise error


def _try_options(function: Callable[[dict[str, Any]], Any]) -> None:
    """Raises where help cannot be shown, or where a program without a command line would miss an
    option."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("plugin")
    function({"parser": group})
    parser.format_help()
    required = [action.dest for action in group._group_actions if action.required]
    if required:
        raise ValueError(f"an option of a plugin has a default: {', '.join(required)}")


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _import(file: Path) -> ModuleType:
    # a name of its own, so that a plugin called json.py hides nothing
    name = f"ocppsim_plugin_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent))  # for what lies beside it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(file.parent))
    return module


def find(folders: Iterable[str], without: Iterable[str]) -> Plugins:
    """The installed plugins, then those of these folders, without the ones of these names."""
    plugins = Plugins()
    plugins.block(without)
    plugins.load_installed()
    for folder in folders:
        plugins.load_folder(folder)
    for name in plugins.never_met(without):
        _log.warning("there is no plugin %s to leave out", name)
    return plugins


_lock = threading.Lock()
_shared: Plugins | None = None


def share(plugins: Plugins | None) -> None:
    """Make these the plugins of this process; None: look for them anew."""
    global _shared
    with _lock:
        _shared = plugins


def shared() -> Plugins:
    """The plugins of this process: installed ones, then those of ``OCPPSIM_PLUGINS_DIR``, without
    those that ``OCPPSIM_NO_PLUGIN`` names."""
    from .parser import from_variables

    global _shared
    with _lock:
        if _shared is None:
            variables = from_variables(os.environ)
            _shared = find(variables.get("plugins_dir", ()), variables.get("no_plugin", ()))
        return _shared
