#!/usr/bin/env python3
"""Exchanges keys and tokens with jwcrypto, joserfc and PyJWT, both ways, in every algorithm that we have.

`tokens.py FOLDER`: where the build left GatehouseInteropProbe. `make interop` does all the set-up. Exit code 1 when anything that is
right is refused, or anything that is wrong is accepted, by either side.
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import sys
import time
import warnings

import joserfc.jwk
import joserfc.jwt
import jwcrypto.jwk
import jwcrypto.jws
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import algorithms as pyjwt_algorithms

from common import Probe, Refused, Report, refusing

# joserfc and PyJWT warn about algorithms that they would not choose.
warnings.simplefilter("ignore")

CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
SECRET_BITS = {"HS256": 256, "HS384": 384, "HS512": 512}


class Ours(Probe):
    name = "Gatehouse"

    def algorithms(self):
        return self.ask("algorithms")["algorithms"]

    def generate(self, algorithm):
        answer = self.ask("generate", alg=algorithm)
        return json.loads(answer["private"]), json.loads(answer["public"]), answer["thumbprint"]

    def sign(self, algorithm, key, claims):
        return self.ask("sign", alg=algorithm, key=json.dumps(key), claims=claims)["token"]

    def verify(self, algorithm, key, token):
        return self.ask("verify", alg=algorithm, key=json.dumps(key), token=token)["claims"]


class JWCrypto:
    name = "jwcrypto"

    def generate(self, algorithm):
        if algorithm in SECRET_BITS:
            key = jwcrypto.jwk.JWK.generate(kty="oct", size=SECRET_BITS[algorithm])
            return key.export(as_dict=True), key.export(as_dict=True), key.thumbprint()
        if algorithm in CURVES:
            key = jwcrypto.jwk.JWK.generate(kty="EC", crv=CURVES[algorithm])
        elif algorithm == "EdDSA":
            key = jwcrypto.jwk.JWK.generate(kty="OKP", crv="Ed25519")
        else:
            key = jwcrypto.jwk.JWK.generate(kty="RSA", size=2048)
        return key.export_private(as_dict=True), key.export_public(as_dict=True), key.thumbprint()

    @refusing
    def sign(self, algorithm, key, claims):
        token = jwcrypto.jws.JWS(json.dumps(claims))
        token.add_signature(jwcrypto.jwk.JWK(**key), algorithm, json.dumps({"alg": algorithm, "typ": "JWT"}))
        return token.serialize(compact=True)

    @refusing
    def verify(self, algorithm, key, token):
        parsed = jwcrypto.jws.JWS()
        parsed.allowed_algs = [algorithm]
        parsed.deserialize(token, jwcrypto.jwk.JWK(**key))
        return json.loads(parsed.payload)


class JoseRFC:
    name = "joserfc"

    def generate(self, algorithm):
        if algorithm in SECRET_BITS:
            key = joserfc.jwk.OctKey.generate_key(SECRET_BITS[algorithm])
            return key.as_dict(private=True), key.as_dict(private=True), key.thumbprint()
        if algorithm in CURVES:
            key = joserfc.jwk.ECKey.generate_key(CURVES[algorithm])
        elif algorithm == "EdDSA":
            key = joserfc.jwk.OKPKey.generate_key("Ed25519")
        else:
            key = joserfc.jwk.RSAKey.generate_key(2048)
        return key.as_dict(private=True), key.as_dict(private=False), key.thumbprint()

    @refusing
    def sign(self, algorithm, key, claims):
        header = {"alg": algorithm, "typ": "JWT"}
        return joserfc.jwt.encode(header, claims, joserfc.jwk.import_key(key), algorithms=[algorithm])

    @refusing
    def verify(self, algorithm, key, token):
        return joserfc.jwt.decode(token, joserfc.jwk.import_key(key), algorithms=[algorithm]).claims


class PyJWT:
    name = "PyJWT"

    def generate(self, algorithm):
        if algorithm in SECRET_BITS:
            secret = base64.urlsafe_b64encode(os.urandom(SECRET_BITS[algorithm] // 8)).rstrip(b"=")
            key = {"kty": "oct", "k": secret.decode()}
            return key, key, None
        if algorithm in CURVES:
            curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[CURVES[algorithm]]
            maker, key = pyjwt_algorithms.ECAlgorithm, ec.generate_private_key(curve)
        elif algorithm == "EdDSA":
            maker, key = pyjwt_algorithms.OKPAlgorithm, ed25519.Ed25519PrivateKey.generate()
        else:
            maker, key = pyjwt_algorithms.RSAAlgorithm, rsa.generate_private_key(65537, 2048)
        return maker.to_jwk(key, as_dict=True), maker.to_jwk(key.public_key(), as_dict=True), None

    @refusing
    def sign(self, algorithm, key, claims):
        return jwt.encode(claims, jwt.PyJWK(key, algorithm=algorithm), algorithm=algorithm)

    @refusing
    def verify(self, algorithm, key, token):
        return jwt.decode(
            token, jwt.PyJWK(key, algorithm=algorithm), algorithms=[algorithm], audience="interop", issuer="interop")


def encode(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def changes(token):
    """The token, wrong in one thing each."""
    header, payload, signature = token.split(".")
    octets = bytearray(base64.urlsafe_b64decode(signature + "=="))
    octets[len(octets) // 2] ^= 1
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["sub"] = "admin"
    yield "a changed claim", ".".join([header, encode(json.dumps(claims).encode()), signature])
    yield "a flipped bit", ".".join([header, payload, encode(bytes(octets))])
    yield "a short signature", ".".join([header, payload, encode(bytes(octets[:-1]))])
    yield "no signature", ".".join([header, payload, ""])
    yield "alg none", ".".join([encode(b'{"alg":"none","typ":"JWT"}'), payload, ""])


def same_family(algorithm, algorithms):
    """Others that the same key could carry, were it not bound to one."""
    groups = [{"RS256", "PS256", "PS384"}, {"HS256", "HS384", "HS512"}]
    return [a for g in groups if algorithm in g for a in algorithms if a in g and a != algorithm]


def exchange(ours, other, algorithm, algorithms, report):
    now = int(time.time())
    claims = {"iss": "interop", "aud": "interop", "sub": "alice", "iat": now - 5, "nbf": now - 5, "exp": now + 600}
    place = f"{algorithm} {other.name}"
    for maker in (ours, other):
        private, public, thumbprint = maker.generate(algorithm)
        if maker is other and thumbprint is not None:
            report.accepts(
                f"{place}: thumbprint", thumbprint, lambda: ours.ask(
                    "verify", alg=algorithm, key=json.dumps(bare(public)),
                    token=other.sign(algorithm, private, claims))["kid"])
        for signer, judge in ((ours, other), (other, ours)):
            what = f"{place}: key by {maker.name}, token by {signer.name}, judged by {judge.name}"
            try:
                token = signer.sign(algorithm, private, claims)
            except Refused as error:
                report.failures.append(f"{what}: not signed: {error}")
                continue
            report.accepts(what, claims, judge.verify, algorithm, public, token)
            for name, wrong in changes(token):
                report.refuses(f"{what}: {name}", judge.verify, algorithm, public, wrong)
            stranger = signer.generate(algorithm)[0]
            report.refuses(
                f"{what}: another key", judge.verify, algorithm, public,
                signer.sign(algorithm, {**stranger, **{k: public[k] for k in ("kid",) if k in public}}, claims))
            for neighbour in same_family(algorithm, algorithms):
                free = {name: value for name, value in private.items() if name not in ("alg", "use", "key_ops")}
                try:
                    wrong = signer.sign(neighbour, free, claims)
                except Refused:
                    continue  # A secret too short for it.
                report.refuses(f"{what}: {neighbour}", judge.verify, algorithm, public, wrong)
        if "k" not in public:
            # RFC 8725 §2.1: the public key, which everybody has, as the secret of an HMAC.
            signed = encode(b'{"alg":"HS256","typ":"JWT"}') + "." + encode(json.dumps(claims).encode())
            for secret in (json.dumps(public).encode(), base64.urlsafe_b64decode(public.get("x", public.get("n")) + "==")):
                code = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
                forged = signed + "." + encode(code)
                for judge in (ours, other):
                    what = f"{place}: HMAC with the public key of {maker.name}, judged by {judge.name}"
                    report.refuses(what, judge.verify, algorithm, public, forged)


def bare(key):
    """Without a name, so that the thumbprint names it."""
    return {name: value for name, value in key.items() if name not in ("kid", "use", "alg", "key_ops")}


def main():
    ours = Ours(pathlib.Path(sys.argv[1]) / "GatehouseInteropProbe")
    report = Report()
    algorithms = ours.algorithms()
    for other in (JWCrypto(), JoseRFC(), PyJWT()):
        for algorithm in algorithms:
            with report.row(other.name, algorithm):
                exchange(ours, other, algorithm, algorithms, report)
    return report.end(at_least=500)


if __name__ == "__main__":
    sys.exit(main())
