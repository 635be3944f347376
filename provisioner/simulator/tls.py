"""Keys and certificates: one CA for servers, one root for clients, one client CA per cluster below it.

Every private CA key is derived from one secret, so 10,000 clusters store no keys. All are EC P-256.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# X509_V_FLAG_NO_CHECK_TIME: an expired certificate must end in a 401, not in a broken handshake.
NO_CHECK_TIME = 0x200000
CA_YEARS = 10
CAS_KEPT = 2_000
# Python 3.13 and newer trust no CA that does not say what its key is for.
_SIGNS = x509.KeyUsage(
    key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _name(common_name: str, groups: tuple[str, ...] = ()) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def client_ca_name(identity: str) -> str:
    """Return the common name of a cluster's client CA."""
    return f"client-ca {identity}"


def _says_what_it_is_for(ca: str) -> bool:
    extensions = x509.load_pem_x509_certificate(ca.encode()).extensions
    return any(isinstance(extension.value, x509.KeyUsage) for extension in extensions)


class Authority:
    """Everything that signs. A CA of before that does not say what its key is for is made anew, with the same name and key."""

    def __init__(self, secret: bytes, server_ca: str = "") -> None:
        self.secret = secret
        self._server_key = self._derive("server-ca")
        self._root_key = self._derive("client-root")
        kept = server_ca if server_ca and _says_what_it_is_for(server_ca) else ""
        self.server_ca = kept or pem(self._ca("nesoi-simulator-ca", self._server_key, None))
        self._server_cert = x509.load_pem_x509_certificate(self.server_ca.encode())
        self.client_root = self._ca("nesoi-simulator-clients", self._root_key, None)
        self._cluster_cas: dict[str, tuple[ec.EllipticCurvePrivateKey, x509.Certificate]] = {}

    def _derive(self, label: str) -> ec.EllipticCurvePrivateKey:
        digest = hmac.new(self.secret, label.encode(), hashlib.sha512).digest()
        return ec.derive_private_key(int.from_bytes(digest) % (_ORDER - 1) + 1, ec.SECP256R1())

    def sign_text(self, text: bytes) -> str:
        """Return a keyed digest of a text, for tokens."""
        return hmac.new(self.secret, b"token:" + text, hashlib.sha256).hexdigest()

    def _ca(
        self, common_name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(issuer.subject if issuer else _name(common_name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365 * CA_YEARS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0 if issuer else 1), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(self._root_key if issuer else key, hashes.SHA256())
        )

    def _cluster_ca(self, identity: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        found = self._cluster_cas.get(identity)
        if found is None:
            if len(self._cluster_cas) >= CAS_KEPT:
                self._cluster_cas.clear()
            key = self._derive(f"client-ca:{identity}")
            found = key, self._ca(client_ca_name(identity), key, self.client_root)
            self._cluster_cas[identity] = found
        return found

    def client_certificate(
        self, identity: str, user: str, groups: tuple[str, ...], not_after: datetime
    ) -> tuple[str, str]:
        """Mint a client certificate of a cluster; returns (chain as PEM, key as PEM)."""
        ca_key, ca = self._cluster_ca(identity)
        key = ec.generate_private_key(ec.SECP256R1())
        start = min(datetime.now(UTC), not_after) - timedelta(minutes=1)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(user, groups))
            .issuer_name(ca.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        return pem(certificate) + pem(ca), key_pem(key)

    def _server_certificate(self, host: str) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        names: list[x509.GeneralName] = [x509.DNSName("localhost")]
        names += [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1")]
        try:
            address = ipaddress.ip_address(host)
            if not address.is_unspecified and str(address) not in ("127.0.0.1", "::1"):
                names.append(x509.IPAddress(address))
        except ValueError:
            names.append(x509.DNSName(host))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name("nesoi-simulator"))
            .issuer_name(self._server_cert.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._server_key.public_key()),
                critical=False,
            )
            .sign(self._server_key, hashes.SHA256())
        )
        return pem(certificate), key_pem(key)

    def server_context(self, host: str, folder: Path) -> ssl.SSLContext:
        """Return the TLS context of the server: client certificates are welcome, not required."""
        certificate, key = self._server_certificate(host)
        path = folder / "server.pem"
        path.touch(mode=0o600)
        path.write_text(key + certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(path)
        path.unlink()
        context.load_verify_locations(cadata=pem(self.client_root))
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= NO_CHECK_TIME
        return context
