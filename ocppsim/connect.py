"""`connect`: the one way to a charge point."""

from __future__ import annotations

import logging
import os
import ssl
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import logs, runner, session
from .address import Address
from .credentials import password_from, password_of, profile_from, tls_from
from .keystore import KeyStore
from .link import Settings
from .plugins import Plugins, shared
from .reconnecting import Reconnect
from .v16.actions import PROTOCOL as OCPP16
from .v16.chargepoint import ChargePoint16

if TYPE_CHECKING:
    from .csms import CentralSystem

__all__ = ["connect", "embedded_csms", "embedded_csms_if_started", "prepare"]

_log = logging.getLogger("ocppsim")
_dials = ContextVar("_dials", default=True)  # whether `connect` connects at once


def connect(
    url: str | None = None,
    *,
    name: str | None = None,
    version: str = "1.6",
    user: str | None = None,
    password: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] | None = None,
    authorization_key: str | None = None,
    security_profile: int | None = None,
    ca: Path | str | None = None,
    ca_dir: Path | str | None = None,
    cert: Path | str | None = None,
    key: Path | str | None = None,
    key_password: str | bytes | None = None,
    keystore: KeyStore | Sequence[Mapping[str, str]] | Path | str | None = None,
    keystore_root: Path | str | None = None,
    insecure: bool = False,
    ssl_context: ssl.SSLContext | None = None,
    strict: bool = True,
    lenient: Collection[str] = (),
    response_timeout: float | None = None,
    connect_timeout: float = 10.0,
    send_timeout: float = 15.0,
    trace_size: int = 1000,
    reconnect: bool | Reconnect = False,
    ping_interval: float = 0.0,
    pong_timeout: float = 10.0,
    state_dir: str | os.PathLike[str] | None = None,
    plugins: Plugins | None = None,
) -> ChargePoint16:
    """Connect a charge point to a CSMS; use it in a ``with``, or `close` it.

    url: ``ws://`` or ``wss://``, the charge point's name as its last part, percent-encoded (OCPP-J
    1.6 §3.1.1). Without it the variable ``OCPPSIM_URL`` holds; without that an embedded CSMS is
    started in this process.
    name: the charge point's identity, put at the end of the URL where it is not there yet.
    version: of OCPP; ``"1.6"``.
    user, password: for HTTP Basic; also as ``ws://user:password@host/…``. The user is the name
    unless given. authorization_key: the password as bytes in hexadecimal, as the configuration key
    AuthorizationKey has it (OCPP-J 1.6 §6.2.2).
    security_profile: 1 is a password over ``ws://``, 2 a password over ``wss://``, 3 a certificate
    of the charge point over ``wss://``, 0 none of them; refused where what it takes is missing.
    Without it, whatever is given is used.
    ca, ca_dir: whom to trust over ``wss://``, and nobody else: a file (PEM or DER), or PEM itself;
    a folder of such files. Else the system's trust store holds.
    cert, key: the certificate of the charge point and its private key, PEM files; key may be left
    out where both are in one. key_password: of an encrypted key.
    keystore: the same for many charge points, by name: ``{"id": "CP1", "key": …, "cert": …}``
    each, the id ``*`` for all others; as a list, as JSON, as a file of JSON, or a `KeyStore`.
    keystore_root: the folder where new pairs are saved (`ChargePoint.keystore`), and what paths of
    the key store are relative to. The pair saved last comes first, then cert, then the keystore.
    insecure: check no certificate of the CSMS, and warn of it at each connection.
    ssl_context: decides on all of TLS, instead of these.
    headers: more HTTP headers for the handshake.
    subprotocols: what to offer instead of ``["ocpp1.6"]``, for negative tests. Where ``ocpp1.6`` is
    offered the CSMS has to pick it.
    strict: raise InvalidPayload for a response that breaks its schema; else it is logged and
    returned. What is no payload at all raises in both cases.
    lenient: actions whose requests and responses may break their schema, for vendors' dialects.
    response_timeout: s until a CALL fails with CallTimeout; else ``OCPPSIM_RESPONSE_TIMEOUT`` (s),
    else ``RESPONSE_TIMEOUT`` (ms), else 15 s.
    connect_timeout: s until the handshake is over. send_timeout: s in which the CSMS may read
    nothing before the connection counts as lost.
    trace_size: how many frames `ChargePoint.trace` keeps.
    reconnect: whether to connect again by itself after a loss, and how: True for `Reconnect()`.
    ping_interval: s between WebSocket pings; 0: none. It is the configuration key
    WebSocketPingInterval. pong_timeout: s in which the pong has to come, else the connection counts
    as lost.
    state_dir: a folder in which the transaction queue and `ChargePoint.state` outlive the process,
    even a ``kill -9``; one process at a time may use it. Else ``OCPPSIM_STATE_DIR``; without that
    they are in memory.
    plugins: instead of those of the process: the installed ones, and those of
    ``OCPPSIM_PLUGINS_DIR``.

    Raises ConnectError, which says what stood in the way; CertificateError for a file of a key or
    certificate that is not good; StateError for a state_dir that another process uses, or that
    cannot be used; ValueError for a setting that makes no sense.
    """
    logs.from_environment()
    runner.watch_plain_script(sys._getframe(1).f_globals)
    if version != "1.6":
        raise ValueError(f"OCPP {version!r} is not known here; there is '1.6'")
    if isinstance(subprotocols, str) or isinstance(lenient, str):
        raise ValueError("subprotocols and lenient are lists, not one string")
    for header, value in (headers or {}).items():
        if not isinstance(value, str) or {"\r", "\n"} & set(f"{header}{value}"):
            raise ValueError(f"the header {header!r:.80} is no text of one line: {value!r:.80}")
    url = url or os.environ.get("OCPPSIM_URL")
    embedded = None
    if not url:
        embedded = _embedded.start()
        url = f"{embedded.url}/{'' if name else _embedded.next_name()}"
    password = password_from(password, authorization_key)
    address = Address.parse(url, name=name, user=user, password=password)
    if address.password is None:
        address = replace(address, password=password_of(os.environ))
    tls = tls_from(
        address.name,
        os.environ,
        ca=ca,
        ca_dir=ca_dir,
        cert=cert,
        key=key,
        key_password=key_password,
        keystore=keystore,
        keystore_root=keystore_root,
        insecure=insecure,
        ssl_context=ssl_context,
    )
    settings = Settings(
        subprotocols=[OCPP16.subprotocol] if subprotocols is None else list(subprotocols),
        headers=dict(headers or {}),
        tls=tls,
        security_profile=profile_from(security_profile, os.environ),
        connect_timeout=_positive("connect_timeout", connect_timeout),
        response_timeout=_response_timeout(response_timeout),
        send_timeout=_positive("send_timeout", send_timeout),
        strict=strict,
        lenient=lenient,
        trace_size=trace_size,
        reconnect=Reconnect.of(reconnect),
        ping_interval=_interval("ping_interval", ping_interval),
        pong_timeout=_positive("pong_timeout", pong_timeout),
        state_dir=_folder(os.environ.get("OCPPSIM_STATE_DIR") if state_dir is None else state_dir),
    )
    plugins = shared() if plugins is None else plugins
    plugins.use()
    cp = ChargePoint16(address, OCPP16, settings, plugins)
    if _dials.get():
        cp.reconnect()
    session.opened(cp)
    return cp


def prepare(url: str | None = None, **options: Any) -> ChargePoint16:
    """A charge point as `connect` makes it, with its arguments, but not connected yet:
    `ChargePoint.reconnect` does that."""
    before = _dials.set(False)
    try:
        return connect(url, **options)
    finally:
        _dials.reset(before)


def embedded_csms() -> CentralSystem:
    """The embedded CSMS of this process, which `connect` uses without a URL; started if need be."""
    return _embedded.start()


def embedded_csms_if_started() -> CentralSystem | None:
    """The embedded CSMS of this process, if there is one."""
    return _embedded.csms


class _Embedded:
    """Started by the first who needs it, stopped at the end of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.csms: CentralSystem | None = None
        self._names = 0

    def start(self) -> CentralSystem:
        with self._lock:
            if self.csms is None:
                from .csms import CentralSystem

                csms = CentralSystem()
                csms.start()
                self.csms = csms
                session.at_end(self.stop)
                text = "no URL given (connect(url), OCPPSIM_URL): started an embedded CSMS at %s"
                _log.info(text, csms.url)
            return self.csms

    def stop(self) -> None:
        with self._lock:
            csms, self.csms = self.csms, None
        if csms is not None:
            csms.stop()

    def next_name(self) -> str:
        with self._lock:
            self._names += 1
            return f"CP{self._names}"


_embedded = _Embedded()


def _response_timeout(given: float | None) -> float:
    if given is not None:
        return _positive("response_timeout", given)
    for variable, unit in (("OCPPSIM_RESPONSE_TIMEOUT", 1.0), ("RESPONSE_TIMEOUT", 1000.0)):
        text = os.environ.get(variable)
        if text:
            try:
                return _positive(variable, float(text)) / unit
            except ValueError:
                raise ValueError(f"{variable} is no positive number: {text!r}") from None
    return 15.0


def _folder(path: str | os.PathLike[str] | None) -> Path | None:
    return Path(path) if path else None


def _interval(what: str, seconds: float) -> float:
    return 0.0 if seconds == 0 and not isinstance(seconds, bool) else _positive(what, seconds)


def _positive(what: str, seconds: float) -> float:
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not number or not 0 < seconds < threading.TIMEOUT_MAX:
        raise ValueError(f"{what} is a number of seconds above 0, not {seconds!r}")
    return seconds
