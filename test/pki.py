# SPDX-License-Identifier: Apache-2.0
"""pki.py - certificates for the tests: an authority, and one certificate for each thing that can be right or wrong with one

Pki(directory) writes them all as DIRECTORY/NAME.pem (key, certificate, chain in one file), beside ca.pem, what to trust.
"""
import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")
SRV_NAME = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.7")
DAY = datetime.timedelta(days=1)
LONG_AGO = datetime.timedelta(days=400)


def der_string(tag, text):
    data = text.encode()
    assert len(data) < 128
    return bytes([tag, len(data)]) + data


def dns(name):
    return x509.DNSName(name)


def xmpp(name):
    return x509.OtherName(XMPP_ADDR, der_string(0x0c, name))


def srv(name, service="_xmpp-server"):
    return x509.OtherName(SRV_NAME, der_string(0x16, "%s.%s" % (service, name)))


def all_forms(*domains):
    names = []
    for domain in domains:
        names += [dns(domain), xmpp(domain), srv(domain)]
    return names


class Issuer:
    def __init__(self, name, key, certificate, chain=()):
        self.name, self.key, self.certificate, self.chain = name, key, certificate, list(chain)


class Pki:
    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.now = datetime.datetime.utcnow()
        self.key = ec.generate_private_key(ec.SECP256R1())  # one key for all leaves: what differs is what is certified
        self.ca = self.authority("Test CA")
        self.other = self.authority("Other CA")
        self.write("ca", [self.ca.certificate])
        self.write("other-ca", [self.other.certificate])
        self.make_all()

    # --- parts

    def write(self, name, certificates, key=None):
        path = os.path.join(self.directory, name + ".pem")
        with open(path, "wb") as file:
            if key is not None:
                file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                             serialization.NoEncryption()))
            for certificate in certificates:
                file.write(certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def build(self, subject, key, issuer=None, names=(), is_ca=False, path_length=None, usages=(), start=None, end=None):
        subject = subject if isinstance(subject, x509.Name) else x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        builder = (x509.CertificateBuilder().subject_name(subject)
                   .issuer_name(issuer.certificate.subject if issuer else subject)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(start or self.now - DAY).not_valid_after(end or self.now + 30 * DAY)
                   .add_extension(x509.BasicConstraints(is_ca, path_length), True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        return builder.sign(issuer.key if issuer else key, hashes.SHA256())

    def authority(self, name, issuer=None, is_ca=True, path_length=None):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.build(name, key, issuer, is_ca=is_ca, path_length=path_length)
        return Issuer(name, key, certificate, [certificate] + issuer.chain if issuer else [])

    def issue(self, name, names, issuer=None, subject="leaf", key=None, **more):
        """A certificate of the test authority (or `issuer`), as NAME.pem; returns it."""
        issuer, key = issuer or self.ca, key or self.key
        certificate = self.build(subject, key, issuer, names, **more)
        self.write(name, [certificate] + issuer.chain, key)
        return certificate

    def issue_for(self, name, seconds, *domains):
        """One that runs out so soon."""
        self.issue(name, all_forms(*domains), end=datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds))

    # --- what the tests use

    def make_all(self):
        remote = all_forms("remote.test")
        self.issue("ours", all_forms("s2s.test", "second.test"))
        second = self.issue("second", all_forms("second.test"))
        os.makedirs(os.path.join(self.directory, "domains"), exist_ok=True)
        os.rename(self.write("domains/x", [second]), os.path.join(self.directory, "domains", "second.test.crt"))
        os.rename(self.write("domains/x", [], self.key), os.path.join(self.directory, "domains", "second.test.key"))
        self.issue("peers", all_forms("remote.test", "other.test", "third.test", "srv.example", "xn--bcher-kva.test"))
        self.issue("remote", remote)
        self.issue("other", all_forms("other.test"))
        self.issue("remote-dns", [dns("REMOTE.test")])
        self.issue("remote-srv", [srv("remote.test")])
        self.issue("remote-xmpp", [xmpp("Remote.test")])
        self.issue("remote-wild", [dns("*.remote.test")])
        self.issue("remote-wild-part", [dns("s*.remote.test"), dns("*"), dns("*.test")])
        self.issue("remote-client-srv", [srv("remote.test", "_xmpp-client")])
        self.issue("remote-user", [xmpp("user@remote.test"), xmpp("remote.test/resource")])
        self.issue("remote-uri", [x509.UniformResourceIdentifier("xmpp:remote.test"),
                                  x509.UniformResourceIdentifier("remote.test"),
                                  x509.RFC822Name("x@remote.test"),
                                  x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"),
                                                 der_string(0x0c, "remote.test"))])
        self.issue("remote-ip", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        self.issue("remote-nul", [dns("remote.test\0.evil.test"), dns("\0remote.test")])
        self.issue("remote-cn", [], subject="remote.test")
        self.issue("remote-cn-inside", [], subject=x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "CN=remote.test,"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "x, CN = remote.test"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, "CN=remote.test")]))
        self.issue("remote-server-only", remote, usages=[ExtendedKeyUsageOID.SERVER_AUTH])
        self.issue("remote-expired", remote, start=self.now - LONG_AGO, end=self.now - DAY)
        self.issue("ours-expired", all_forms("s2s.test", "second.test"), start=self.now - LONG_AGO, end=self.now - DAY)
        self.issue("remote-future", remote, start=self.now + DAY)
        self.issue("remote-untrusted", remote, self.other)
        self.issue("remote-weak", remote, key=rsa.generate_private_key(65537, 1024))
        self.issue("remote-names", [dns("n%d.test" % number) for number in range(1200)] + remote)
        self.issue("remote-10000-names", [dns("n%d.test" % number) for number in range(10000)] + remote)
        self.issue("remote-huge", remote + [dns("%s.%d.test" % ("x" * 60, number)) for number in range(15000)])
        self.issue("remote-rsa", remote, key=rsa.generate_private_key(65537, 2048))
        middle = self.authority("Middle CA", self.ca)
        self.issue("remote-chain", remote, middle)
        self.write("remote-chain-cut", [self.issue("remote-cut", remote, middle)], self.key)
        narrow = self.authority("Narrow CA", self.ca, path_length=0)
        self.issue("remote-path", remote, self.authority("Too deep CA", narrow))
        self.issue("remote-no-ca", remote, self.authority("No CA", self.ca, is_ca=False))
        forged = self.authority("Test CA")  # the name of the authority, another key
        self.issue("remote-forged", remote, forged)
        self.write("remote-selfsigned", [self.build("remote.test", self.key, None, remote)], self.key)
        self.write("ours-selfsigned", [self.build("s2s.test", self.key, None, all_forms("s2s.test"))], self.key)
        self.revoked = self.issue("remote-revoked", remote)
        self.write_crl()

    def write_crl(self):
        crl = (x509.CertificateRevocationListBuilder().issuer_name(self.ca.certificate.subject)
               .last_update(self.now - DAY).next_update(self.now + 30 * DAY)
               .add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(self.revoked.serial_number)
                                        .revocation_date(self.now - DAY).build())
               .sign(self.ca.key, hashes.SHA256()))
        with open(os.path.join(self.directory, "crl.pem"), "wb") as file:
            file.write(crl.public_bytes(serialization.Encoding.PEM))

    def write_ocsp(self, name, certificate, good, age=DAY / 2):
        """An OCSP response about a certificate of the authority, signed by it, as NAME.der."""
        status = ocsp.OCSPCertStatus.GOOD if good else ocsp.OCSPCertStatus.REVOKED
        response = (ocsp.OCSPResponseBuilder()
                    .add_response(certificate, self.ca.certificate, hashes.SHA1(), status, self.now - age,
                                  self.now - age + DAY, None if good else self.now - 2 * DAY, None)
                    .responder_id(ocsp.OCSPResponderEncoding.HASH, self.ca.certificate)
                    .sign(self.ca.key, hashes.SHA256()))
        path = os.path.join(self.directory, name + ".der")
        with open(path, "wb") as file:
            file.write(response.public_bytes(serialization.Encoding.DER))
        return path
