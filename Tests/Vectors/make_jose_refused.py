#!/usr/bin/env python3
"""Makes jose_refused.json: signatures that are nearly right, so that only one check stands between them and a verifier.

For each algorithm one good signature (`valid`) and some that must be refused, all with one key, made by pyca/cryptography
(pip install cryptography). Each run makes new keys, so run it only to add a case.
"""
import base64
import json
import pathlib

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils


def encode(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value, size=None):
    return encode(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


SHA = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
entries = []


def cases(algorithm, jwk, variants):
    """`variants`: name -> function from the signing input to a signature. The first one is right."""
    entry = {"alg": algorithm, "jwk": jwk, "refused": []}
    for name, sign in variants.items():
        header = encode(json.dumps({"alg": algorithm}, separators=(",", ":")).encode())
        signed = header + "." + encode(b'{"sub":"alice"}')
        compact = signed + "." + encode(sign(signed.encode()))
        if name == "valid":
            entry["valid"] = compact
        else:
            entry["refused"].append({"why": name, "compact": compact})
    entries.append(entry)


def shared(bits):
    secret = bytes(range(7, 7 + 64))

    def code(message, hash=SHA[bits], key=secret):
        machine = hmac.HMAC(key, hash)
        machine.update(message)
        return machine.finalize()

    others = [other for other in SHA if other != bits]
    cases("HS" + bits, {"kty": "oct", "k": encode(secret)}, {
        "valid": code,
        f"the code is of SHA-{others[0]}": lambda m: code(m, SHA[others[0]]),
        f"the code is of SHA-{others[1]}": lambda m: code(m, SHA[others[1]]),
        "the code is cut to half": lambda m: code(m)[: SHA[bits].digest_size // 2],
        "the code has an octet more": lambda m: code(m) + b"\0",
        "the key is the text of k": lambda m: code(m, key=encode(secret).encode()),
    })


def pair_rsa(name, bits, good, others):
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_numbers()
    variants = {"valid": lambda m: key.sign(m, good, SHA[bits])}
    for why, (pad, hash) in others.items():
        variants[why] = lambda m, pad=pad, hash=hash: key.sign(m, pad, hash)
    variants["a zero stands before it"] = lambda m: b"\0" + key.sign(m, good, SHA[bits])
    variants["the modulus was added to it"] = lambda m: (
        int.from_bytes(key.sign(m, good, SHA[bits]), "big") + public.n).to_bytes(257, "big")
    cases(name, {"kty": "RSA", "alg": name, "n": number(public.n), "e": number(public.e)}, variants)


def pss(mask, salt):
    return padding.PSS(mgf=padding.MGF1(SHA[mask]), salt_length=salt)


def pair_ec(name, curve, crv, bits):
    key = ec.generate_private_key(curve)
    public = key.public_key().public_numbers()
    size = (curve.key_size + 7) // 8
    order = {"P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551}.get(crv)

    def raw(message, hash=SHA[bits], size=size):
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hash)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    other = "512" if bits != "512" else "256"
    variants = {
        "valid": raw,
        "it is DER": lambda m: key.sign(m, ec.ECDSA(SHA[bits])),
        f"it is over SHA-{other}": lambda m: raw(m, SHA[other]),
        "r and s are zero": lambda m: bytes(2 * size),
        "r and s are one octet longer each": lambda m: raw(m, size=size + 1),
        "an octet follows": lambda m: raw(m) + b"\0",
        "r and s have changed places": lambda m: (lambda s: s[size:] + s[:size])(raw(m)),
    }
    if order:
        variants["r and s are the group order"] = lambda m: 2 * order.to_bytes(size, "big")
    cases(name, {"kty": "EC", "crv": crv, "x": number(public.x, size), "y": number(public.y, size)}, variants)


def pair_ed25519():
    key = ed25519.Ed25519PrivateKey.generate()
    order = 2**252 + 27742317777372353535851937790883648493

    def lifted(message):
        signature = key.sign(message)
        return signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")

    cases("EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().public_bytes_raw())}, {
        "valid": key.sign,
        "the group order was added to S": lifted,
        "it is zero": lambda m: bytes(64),
        "it is over the digest": lambda m: key.sign(hash_of(m)),
    })


def hash_of(message):
    machine = hashes.Hash(SHA["512"])
    machine.update(message)
    return machine.finalize()


for bits in SHA:
    shared(bits)
pair_rsa("RS256", "256", padding.PKCS1v15(), {
    "it is over SHA-384": (padding.PKCS1v15(), SHA["384"]), "it is PSS": (pss("256", 32), SHA["256"])})
for bits, size, other in (("256", 32, "384"), ("384", 48, "256")):
    pair_rsa("PS" + bits, bits, pss(bits, size), {
        "it is PKCS #1 v1.5": (padding.PKCS1v15(), SHA[bits]),
        "it has no salt": (pss(bits, 0), SHA[bits]),
        "its salt is an octet longer": (pss(bits, size + 1), SHA[bits]),
        f"its mask is of SHA-{other}": (pss(other, size), SHA[bits]),
        f"it is over SHA-{other}": (pss(bits, size), SHA[other]),
    })
pair_ec("ES256", ec.SECP256R1(), "P-256", "256")
pair_ec("ES384", ec.SECP384R1(), "P-384", "384")
pair_ec("ES512", ec.SECP521R1(), "P-521", "512")
pair_ed25519()

file = pathlib.Path(__file__).with_name("jose_refused.json")
file.write_text(json.dumps({"source": "make_jose_refused.py", "algorithms": entries}, indent=1) + "\n")
