"""The options of this plugin: of the command line, and variables for a plain script."""

from __future__ import annotations

import argparse

import ocppsim_security
import pytest
from ocppsim_security.options import Options, add_options

from ocppsim import Plugins


def options(*argv: str) -> Options:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return Options.given(parser.parse_args(argv))


def test_without_a_word() -> None:
    assert options() == Options(None, "auto", "SHA256")


def test_options_come_before_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPSIM_SECURE_URL", "wss://variable")
    monkeypatch.setenv("OCPPSIM_AUTHORIZATION_KEY_AS", "hex")
    monkeypatch.setenv("OCPPSIM_CERTIFICATE_HASH", "SHA384")
    assert options() == Options("wss://variable", "hex", "SHA384")
    given = options(
        *("--secure-url", "WSS://option"),
        *("--authorization-key-as", "text"),
        *("--certificate-hash", "SHA512"),
    )
    assert given == Options("WSS://option", "text", "SHA512")


@pytest.mark.parametrize(
    "argv",
    [
        ("--secure-url", "ws://plain"),
        ("--authorization-key-as", "base64"),
        ("--certificate-hash", "MD5"),
    ],
)
def test_what_makes_no_sense(argv: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=argv[0]):
        options(*argv)


def test_it_is_a_plugin_with_every_hook_of_its_own() -> None:
    plugins = Plugins()
    assert plugins.register(ocppsim_security)
    (info,) = plugins
    assert set(info.hooks) == set(ocppsim_security.__all__)
