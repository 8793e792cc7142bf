"""Writes what `mongoexport` writes of a C3-PRO IDM service: so many documents, a line each, links before their subjects.

usage: mongoexport.py DOCUMENTS > FILE
"""
import base64
import hashlib
import hmac
import json
import sys

SECRET = b"kX9c0QmB2v7Rw5Jt1Zs8Ly4Hn6Pd3Gf0aVeUiOoTqMrKxWzCbNyEjSlDhFgAp"
# bcrypt, cost 12, of a password that nobody needs.
HASH = b"$2b$12$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDE"
TIME = "2026-11-21T02:15:02.642109+00:00"


def oid(number):
    return {"$oid": f"6b00aa00{number:016x}"}


def binary(octets):
    return {"$binary": {"base64": base64.b64encode(octets).decode(), "subType": "00"}}


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def token(link, name):
    claims = {"jti": link, "iss": "https://idm.test/", "aud": "https://idm.test/", "exp": 4000000000, "sub": name}
    text = base64url(b'{"typ":"JWT","alg":"HS256"}') + "." + base64url(json.dumps(claims).encode())
    return text + "." + base64url(hmac.new(SECRET, text.encode(), hashlib.sha256).digest())


def documents():
    yield {"_id": oid(1), "username": "admin@idm.test", "password": binary(HASH), "admin": True, "temporary": None,
           "type": "user"}
    number = 10
    while True:
        sssid, name = f"SSS-{number}", f"Peter Muster {number}"
        yield {"_id": oid(number + 1), "sub": sssid, "iss": "https://idm.test/", "aud": "https://idm.test/",
               "secret": SECRET.decode(), "algorithm": "HS256", "type": "link", "created": TIME, "exp": 4000000000,
               "_jwt": binary(token(oid(number + 1)["$oid"], name).encode())}
        yield {"_id": oid(number), "sssid": sssid, "name": name, "bday": "1981-02-03", "type": "subject",
               "created": TIME, "changed": TIME, "date_consented": "2026-02-02T08:00:00+01:00", "weight": 70}
        for event in range(2, 8):
            yield {"_id": oid(number + event), "type": "audit", "datetime": TIME,
                   "document": oid(number + event % 2), "actor_id": oid(1)["$oid"], "action": "create"}
        number += 10


for _, document in zip(range(int(sys.argv[1])), documents()):
    print(json.dumps(document))
