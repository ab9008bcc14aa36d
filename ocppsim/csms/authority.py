"""A certificate authority for test systems: it serves TLS, and signs what charge points ask for.

::

    authority = CertificateAuthority()
    context = authority.server_context(["localhost"])
    chain = authority.sign(csr)
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..certificates import check_pair, generate_key, load_chain, load_key, to_pem
from ..errors import CertificateError
from ..pem import one_line, plain_pem
from .tls import demand

__all__ = ["CertificateAuthority"]

_YEARS_OF_AUTHORITY = 10
# charge points' clocks are not always right
_BEFORE_NOW = timedelta(hours=1)
# the security white paper wants keys of 112 bits of security
_LEAST_RSA, _LEAST_EC = 2048, 224


class CertificateAuthority:
    """An authority with a key of its own (EC P-256), for as long as this object lives.

    Every method works from any thread.
    """

    def __init__(
        self, name: str = "ocppsim test authority", *, issuer: CertificateAuthority | None = None
    ) -> None:
        """name: its common name. issuer: the authority above it; without one it is a root."""
        self._key: CertificateIssuerPrivateKeyTypes = generate_key()
        self._above: list[x509.Certificate] = []
        self._certificate: x509.Certificate
        if issuer is not None:
            self._above = [issuer._certificate, *issuer._above]
        subject = _name(name)
        above = issuer or self
        start = datetime.now(UTC) - _BEFORE_NOW
        builder = (
            _builder(subject, self._key.public_key(), start, 365.0 * _YEARS_OF_AUTHORITY)
            .issuer_name(subject if issuer is None else issuer._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(authority=True), critical=True)
        )
        if issuer is not None:
            builder = builder.add_extension(issuer._identifier(), critical=False)
        self._certificate = builder.sign(above._key, hashes.SHA256())

    @classmethod
    def load(cls, certificate: str | bytes, key: str | bytes) -> CertificateAuthority:
        """The authority that `certificate` (then those of its issuers) and `key` are, in PEM.

        Raises CertificateError.
        """
        authority = cls.__new__(cls)
        what, key_what = "certificate of the authority", "key of the authority"
        authority._certificate, *authority._above = chain = load_chain(certificate, what)
        private = load_key(key, key_what)
        check_pair(chain, private, what=what, key_what=key_what)
        try:
            basic = authority._certificate.extensions.get_extension_for_class(x509.BasicConstraints)
            can_sign = basic.value.ca
        except (ValueError, x509.ExtensionNotFound):
            can_sign = False
        if not can_sign or not isinstance(private, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            raise CertificateError(f"{what}: not of an authority with an EC or RSA key")
        authority._key = private
        return authority

    def __repr__(self) -> str:
        return f"<CertificateAuthority {self._certificate.subject.rfc4514_string()}>"

    @property
    def certificate(self) -> str:
        """Its own certificate in PEM."""
        return to_pem([self._certificate])

    @property
    def root(self) -> str:
        """The certificate to trust, in PEM: its own, or that of the highest above it."""
        return to_pem([self._certificate, *self._above][-1:])

    @property
    def key(self) -> str:
        """Its private key in PEM, not encrypted."""
        return plain_pem(self._key).decode()

    def sign(
        self,
        csr: str | bytes,
        *,
        days: float = 365.0,
        start: datetime | None = None,
        common_name: str | None = None,
    ) -> str:
        """A certificate of a client, as a CSR asks for: PEM, then those of the authorities below
        the root.

        csr: PEM. days: how long it is valid. start: from when on, with a time zone; else for an
        hour already. common_name: what the subject's has to be; None for anything.
        Raises CertificateError where the CSR is bad, its key is weak, or its subject is another.
        """
        request = _load_request(csr)
        if common_name is not None:
            names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            if [each.value for each in names] != [common_name]:
                subject = request.subject.rfc4514_string() or "empty"
                raise CertificateError(
                    f"CSR: the common name has to be {common_name!r}; the subject is {subject!r}"
                )
        key = request.public_key()
        _check_strength(key)
        client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return self._issue(request.subject, key, [client], days, start)

    def issue_server(self, hosts: Iterable[str], *, days: float = 365.0) -> tuple[str, str]:
        """A certificate for these host names and addresses, and its key: the chain and the key in
        PEM."""
        hosts = list(hosts)
        if not hosts:
            raise CertificateError("a server's certificate has one host name at least")
        key = generate_key()
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        subject = _name(hosts[0] if len(hosts[0]) <= 64 else "server")
        chain = self._issue(subject, key.public_key(), [server, names], days, None)
        return chain, plain_pem(key).decode()

    def server_context(
        self, hosts: Iterable[str], *, client_certificates: bool | str | Path | None = None
    ) -> ssl.SSLContext:
        """For a server with these host names and addresses; TLS 1.2 and newer.

        client_certificates: True demands a certificate that this authority vouches for, the path of
        a PEM file one that an authority in there vouches for; None lets in who has none; False asks
        for none.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        chain, key = self.issue_server(hosts)
        with _as_file(chain + key) as path:
            context.load_cert_chain(path)
        if isinstance(client_certificates, (str, Path)):
            demand(context, client_certificates)
        elif client_certificates is not False:
            context.load_verify_locations(cadata=self.root)
            context.verify_mode = ssl.CERT_REQUIRED if client_certificates else ssl.CERT_OPTIONAL
        return context

    def _issue(
        self,
        subject: x509.Name,
        key: CertificatePublicKeyTypes,
        extensions: list[x509.ExtensionType],
        days: float,
        start: datetime | None,
    ) -> str:
        start = datetime.now(UTC) - _BEFORE_NOW if start is None else start
        builder = (
            _builder(subject, key, start, days)
            .issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(self._identifier(), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return to_pem([certificate, *[self._certificate, *self._above][:-1]])

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._certificate.public_key())  # type: ignore[arg-type]


def _builder(
    subject: x509.Name, key: CertificatePublicKeyTypes, start: datetime, days: float
) -> x509.CertificateBuilder:
    try:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
    except (ValueError, OverflowError) as error:
        raise CertificateError(f"no certificate of {days!r} days: {one_line(error)}") from None


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    except ValueError as error:
        raise CertificateError(f"common name {common_name!r:.80}: {one_line(error)}") from None


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        try:
            return x509.DNSName(host.encode("idna").decode() if not host.isascii() else host)
        except ValueError as error:
            raise CertificateError(f"host {host!r:.80}: {one_line(error)}") from None


def _load_request(csr: str | bytes) -> x509.CertificateSigningRequest:
    data = csr.encode(errors="surrogatepass") if isinstance(csr, str) else csr
    try:
        request = x509.load_pem_x509_csr(data)
        valid = request.is_signature_valid
        request.public_key()
    except Exception as error:
        raise CertificateError(f"CSR: no PKCS #10 in PEM: {one_line(error)}") from None
    if not valid:
        raise CertificateError("CSR: its signature is not that of the key in it")
    return request


def _check_strength(key: CertificatePublicKeyTypes) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        weak = key.key_size < _LEAST_RSA
    elif isinstance(key, ec.EllipticCurvePublicKey):
        weak = key.key_size < _LEAST_EC
    else:
        raise CertificateError("CSR: its key is neither EC nor RSA")
    if weak:
        raise CertificateError(f"CSR: a key of {key.key_size} bits is too weak")


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Python's ssl takes keys from files only; nobody else can read this one."""
    descriptor, path = tempfile.mkstemp(prefix="ocppsim-")
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        yield path
    finally:
        os.unlink(path)
