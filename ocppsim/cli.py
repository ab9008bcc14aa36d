"""The command ``ocppsim``; also ``python -m ocppsim``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from . import logs, plugins, runner
from .completion import complete
from .parser import early_options, ocppsim_parser, parse, screen_level
from .record import record
from .verdict import DONE, INTERRUPTED, USAGE, say_at_end

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a script as the command line says; the exit status (see the epilog of the parser).

    To be called from the main thread, for the signals. Raises SystemExit as argparse does: for
    --help and --version, and with 2 where the command line is wrong.
    """
    argv = sys.argv[1:] if argv is None else argv
    early = early_options(argv, os.environ)
    done = logs.environment_is_done()
    try:
        logs.verbose(screen_level(vars(early)), log_json=bool(early.log_json))
        found = plugins.find(early.plugins_dir or (), early.no_plugin or ())
        plugins.share(found)
        parser = ocppsim_parser()
        found.add_options(parser)
        complete(parser)
        options = parse(parser, argv, os.environ)
        if (options.plugins_dir, options.no_plugin) != (early.plugins_dir, early.no_plugin):
            # what follows the option of a plugin was not seen while the plugins were not known
            parser.error("--plugins-dir and --no-plugin come before the options of plugins")
        if options.list_plugins:
            print(_listing(found))
            return DONE
        found.configure(options)
        if options.script is None:
            wanted = found.script(options)
            if not wanted:
                return _serve(options)
            options.script, *options.args = wanted
        elif options.demo:
            parser.error("--demo goes without a SCRIPT")
        return _run(options)
    except runner.ScriptError as error:
        logs.say(str(error))
        return USAGE
    except KeyboardInterrupt:  # before the script ran, or after
        logs.say("interrupted")
        return INTERRUPTED
    finally:
        logs.hide()
        logs.environment_is_done(done)
        plugins.share(None)


def _run(options: argparse.Namespace) -> int:
    script = runner.read_script(options.script)
    with _surroundings(options):
        return runner.run(script, options.args, allow_violations=bool(options.allow_violations))


def _serve(options: argparse.Namespace) -> int:
    try:
        from .server.command import serve
    except ModuleNotFoundError as error:
        if error.name not in ("flask", "werkzeug"):
            raise
        text = "without a SCRIPT this is a server, which needs Flask: pip install 'ocppsim[server]'"
        raise runner.ScriptError(text) from None
    from .parser import server_address

    try:
        bind, port = server_address(options, os.environ)
    except ValueError as error:
        raise runner.ScriptError(str(error)) from None
    with _surroundings(options):
        return serve(bind, port, demo=bool(options.demo))


@contextlib.contextmanager
def _surroundings(options: argparse.Namespace) -> Iterator[None]:
    """What the options ask for: the screen, a record, and the variables for `connect`. Raises
    ScriptError."""
    logs.verbose(screen_level(vars(options)), log_json=bool(options.log_json))
    if options.record:
        _record(options.record, bool(options.record_secrets))
    _check_files(options)
    variables = {
        "OCPPSIM_URL": options.url,
        "OCPPSIM_SECURITY_PROFILE": options.security_profile,
        "OCPPSIM_PASSWORD_FILE": options.password_file,
        "OCPPSIM_CA": options.ca,
        "OCPPSIM_CA_DIR": options.ca_dir,
        "OCPPSIM_CERT": options.cert,
        "OCPPSIM_KEY": options.key,
        "OCPPSIM_KEYSTORE": options.keystore,
        "OCPPSIM_KEYSTORE_ROOT": options.keystore_root,
        "OCPPSIM_RESPONSE_TIMEOUT": options.response_timeout,
        "OCPPSIM_STATE_DIR": options.state_dir,
        "OCPPSIM_PLUGINS_DIR": os.pathsep.join(options.plugins_dir or ()) or None,
        "OCPPSIM_NO_PLUGIN": ",".join(options.no_plugin or ()) or None,
    }
    if options.verdict:
        say_at_end()
    with _variables(variables):
        yield


def _check_files(options: argparse.Namespace) -> None:
    """Say now what is wrong with the files that were named. Raises ScriptError."""
    from .credentials import password_of, tls_from

    names = ("ca", "ca_dir", "cert", "key", "keystore", "keystore_root")
    given = {name: vars(options)[name] for name in names if vars(options)[name]}
    try:
        password_of({"OCPPSIM_PASSWORD_FILE": options.password_file or ""})
        if given:
            tls = tls_from("*", {}, **given)
            tls.context(None)
            tls.check_files(tls.keystore.find("*"))
    except ValueError as error:  # CertificateError too
        raise runner.ScriptError(str(error)) from None


def _listing(found: plugins.Plugins) -> str:
    """A line a plugin, and the hooks below it."""
    lines = []
    for plugin in found:
        version = f" {plugin.version}" if plugin.version else ""
        lines.append(f"{plugin.name}{version} ({plugin.source})")
        lines.append(f"    {' '.join(plugin.hooks) or 'no hooks'}")
    return "\n".join(lines) or "no plugins"


def _record(path: str, secrets: bool) -> None:
    try:
        record(path, secrets=secrets)
    except OSError as error:
        text = f"cannot write the record {path}: {error.strerror or error}"
        raise runner.ScriptError(text) from None


@contextlib.contextmanager
def _variables(values: Mapping[str, object]) -> Iterator[None]:
    """Set these variables, for `connect` and for processes that the script starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: str(value) for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
