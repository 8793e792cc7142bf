#!/usr/bin/env python3
"""RFC 9421 with libraries that others wrote, both ways.

`rfc9421.py FOLDER`: where the build left GatehouseInteropProbe and gatehouse. `make interop` does all the set-up.
requests-http-signature 2 and http-message-signatures, on which it stands, call a server of ours; http-message-signatures and our
library judge what the other signs, requests and answers. README.md says where they deviate.
"""
import datetime
import email.message
import pathlib
import sys
import time

import requests
import requests.auth
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver, algorithms
from requests_http_signature import HTTPSignatureAuth

from common import INVALID, MISSING, Key, Probe, Refused, Report, Server, Trial, digest, flip, outcome, refusing

ALGORITHMS = {
    "hmac-sha256": algorithms.HMAC_SHA256, "rsa-sha256": algorithms.RSA_V1_5_SHA256,
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512, "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ecdsa-p384-sha384": algorithms.ECDSA_P384_SHA384, "ed25519": algorithms.ED25519,
}
COMPONENTS = ["@method", "@authority", "@path", "@query"]


def keys(key):
    return MappingKeyResolver(private_keys={key.id: key.signs.encode()}, public_keys={key.id: key.verifies.encode()})


def ago(seconds):
    return datetime.datetime.now() - datetime.timedelta(seconds=seconds)


class RequestsHTTPSignature:
    """requests-http-signature 2: covers a digest of every body, also an empty one, and Date, whatever it was told."""
    name = "requests-http-signature 2"
    covers_date = True

    def covering(self, has_body):
        return ["@method", "@authority", "@target-uri"]

    def optional(self, has_body):
        # `@target-uri` says what `@authority` says too.
        return ["@method", "@target-uri"]

    def headers(self, body, age):
        return {}

    def auth(self, key, covering, age, **options):
        class Aged(HTTPSignatureAuth):
            def get_created(self, request):
                super().get_created(request)
                return ago(age)
        return Aged(
            signature_algorithm=ALGORITHMS[key.algorithm], key_id=key.id, key_resolver=keys(key),
            covered_component_ids=covering, **options)


class HTTPMessageSignatures:
    """http-message-signatures itself, covering what it is told to."""
    name = "http-message-signatures"
    covers_date = False

    def covering(self, has_body):
        return COMPONENTS + ["content-digest"] if has_body else COMPONENTS

    optional = covering

    def headers(self, body, age):
        return {} if body is None else {"Content-Digest": digest("Content-Digest", body)}

    def auth(self, key, covering, age, **options):
        class Auth(requests.auth.AuthBase):
            def __call__(self, request):
                HTTPMessageSigner(signature_algorithm=ALGORITHMS[key.algorithm], key_resolver=keys(key)).sign(
                    request, key_id=key.id, created=ago(age), covered_component_ids=covering,
                    use_existing_digest="Content-Digest" in request.headers, **options)
                return request
        return Auth()


def more(trial):
    """What only some signatures have."""
    client, key, expect, prepared = trial.client, trial.key, trial.expect, trial.prepared

    def auth(covering=None, **options):
        return client.auth(key, covering or client.covering(False), 0, **options)
    stranger = Key(key.algorithm)
    stranger.id = key.id
    expect("signed by another key", INVALID, prepared(auth=client.auth(stranger, client.covering(False), 0)))
    expect("without alg", "200", prepared(auth=auth(include_alg=False)))
    expect("with a tag", "200", prepared(auth=auth(tag="interop")))
    if isinstance(client, RequestsHTTPSignature):
        hour = datetime.timedelta(hours=1)
        expect("with an end", "200", prepared(auth=auth(expires_in=hour)))
        expect("after its end", "401 signature_stale", prepared(auth=auth(expires_in=-hour)))
        twice = prepared(auth=auth(use_nonce=True))
    else:
        twice = prepared(auth=auth(nonce=f"nonce of {trial.place}"))
        for covering in (["@method", "@target-uri"], ["@method", "@authority", "@request-target"],
                         [*COMPONENTS, "@scheme", '"@query-param";name="a"', '"priority";key="i"', "accept", '"accept";bs']):
            request = requests.Request(
                "GET", trial.server.url + "/hello_someone?a=b%20c&d=", headers={"Priority": "u=1, i;c", "Accept": "*/*"},
                auth=auth(covering))
            expect(f"covering {covering}", "200", trial.session.prepare_request(request))
    expect("a nonce", "200", twice)
    expect("a nonce again", INVALID, twice)


def clients(server, report):
    session = requests.Session()
    for client in (RequestsHTTPSignature(), HTTPMessageSignatures()):
        for algorithm in ALGORITHMS:
            with report.row(client.name, algorithm):
                key, other = server.add(Key(algorithm)), server.add(Key(algorithm))
                trial = Trial(client, key, other, server, session, report)
                trial.run()
                more(trial)
    unsigned = session.get(server.url + "/hello_world_private")
    report.equal("unsigned", (MISSING, '{"message":"Access Denied"}'), (outcome(unsigned), unsigned.text))


# MARK: Messages between the libraries

class Message:
    """A request, or an answer to one, as http-message-signatures wants it, and as our probe does."""

    def __init__(self, fields, method=None, target=None, status=None, request=None, body=b""):
        self.headers = email.message.Message()
        for name, value in fields:
            self.headers[name] = value
        self.body = body
        if status is None:
            self.method, self.target = method, target
        else:
            self.status_code, self.request = status, request

    @property
    def url(self):
        return f"https://{self.headers['Host']}{self.target}"

    def for_probe(self):
        fields = [[name, value] for name, value in self.headers.items()]
        if hasattr(self, "status_code"):
            return {"status": self.status_code, "fields": fields, "request": self.request.for_probe()}
        return {"method": self.method, "target": self.target, "scheme": "https", "fields": fields}


def request():
    body = b'{"hello": "world"}'
    return Message([
        ("Host", "App.test:8443"), ("Content-Type", "application/json"), ("X-Lines", "first,  one"), ("X-Lines", " second"),
        ("Priority", "a=1,  i;c, u=2"), ("Cache-Control", "max-age=60,   no-store"), ("X-Empty", ""),
        ("Content-Digest", digest("Content-Digest", body)),
    ], "POST", "/a%20b/../c?name=two%20words&x=%C3%A4&flag", body=body)


def answer():
    body = b"done"
    return Message([("Content-Type", "text/plain"), ("Content-Digest", digest("Content-Digest", body))],
                   status=201, request=request(), body=body)


FULL = [*COMPONENTS, "content-type", "content-digest"]
COVERED = {
    "all a request needs": (request, FULL),
    "other parts of the target": (request, ["@target-uri", "@scheme", "@request-target"]),
    "members of the query": (request, ['"@query-param";name="name"', '"@query-param";name="x"', '"@query-param";name="flag"']),
    "fields of several lines": (request, ["x-lines", '"x-lines";bs', "x-empty"]),
    "members of fields": (request, ['"priority";key="a"', '"priority";key="i"', '"priority";key="u"', '"cache-control";sf']),
    "a member of the digest": (request, ['"content-digest";key="sha-256"']),
    "nothing": (request, []),
    "an answer": (answer, ["@status", "content-type", "content-digest"]),
    "an answer and its request": (
        answer, ["@status", '"@method";req', '"@authority";req', '"@path";req', '"@query";req', '"content-digest";req',
                 "content-digest"]),
}


class Ours:
    name = "Gatehouse"

    def __init__(self, probe):
        self.probe = probe

    def sign(self, message, key, covered):
        now = int(time.time())
        fields = self.probe.ask(
            "sign-message", family="rfc9421", key=key.for_probe(), message=message.for_probe(), covered=covered,
            created=now, expires=now + 60, nonce="n\"\\", tag="interop")["fields"]
        for name, value in fields:
            message.headers[name] = value

    def judge(self, message, key):
        return sorted(self.probe.ask(
            "verify-message", key=key.for_probe(private=False), message=message.for_probe(),
            body=message.body.decode())["covered"])


class Theirs:
    name = "http-message-signatures"

    def sign(self, message, key, covered):
        now = datetime.datetime.now()
        HTTPMessageSigner(signature_algorithm=ALGORITHMS[key.algorithm], key_resolver=keys(key)).sign(
            message, key_id=key.id, created=now, expires=now + datetime.timedelta(seconds=60), nonce="n\"\\",
            tag="interop", covered_component_ids=covered, use_existing_digest="Content-Digest" in message.headers)

    @refusing
    def judge(self, message, key):
        judge = HTTPMessageVerifier(signature_algorithm=ALGORITHMS[key.algorithm], key_resolver=keys(key))
        [found] = judge.verify(message)
        if any("content-digest" in name and "req" not in name for name in found.covered_components):
            judge.verify_body(message, [found], message.body)
        return sorted(name for name in found.covered_components if name != '"@signature-params"')


def spoil(name):
    def change(message):
        source = message.request if hasattr(message, "request") else message
        if name in ("method", "target"):
            setattr(source, name, {"method": "PUT", "target": source.target + "&more"}[name])
        elif name == "body":
            message.body += b"."
        elif name == "status":
            if hasattr(message, "status_code"):
                message.status_code = 200
        elif name == "signature":
            label, _, text = message.headers["Signature"].partition("=")
            del message.headers["Signature"]
            message.headers["Signature"] = f"{label}=:{flip(text.strip(':'))}:"
        elif name == "parameter":
            text = message.headers["Signature-Input"]
            del message.headers["Signature-Input"]
            message.headers["Signature-Input"] = text.replace('tag="interop"', 'tag="others"')
        elif name in message.headers:
            value = message.headers[name]
            del message.headers[name]
            message.headers[name] = "x" + value
    return change


#: What a change of each part does to a signature that covers these names.
CHANGES = {
    "method": '"@method', "target": '"@query"', "body": '"content-digest"', "status": '"@status"', "signature": "",
    "parameter": "", "Content-Type": '"content-type"', "Priority": '"priority', "Host": '"@authority"',
}


def libraries(ours, theirs, report):
    for algorithm in ALGORITHMS:
        with report.row(f"{theirs.name}, messages", algorithm):
            key, stranger = Key(algorithm), Key(algorithm)
            stranger.id = key.id
            if key.secret:
                key.secret, stranger.secret = key.secret[:32], stranger.secret[:32]
            for signer, judge in ((ours, theirs), (theirs, ours)):
                for what, (make, covered) in COVERED.items():
                    place = f"{algorithm}, {what}, signed by {signer.name}, judged by {judge.name}"

                    def signed():
                        message = make()
                        signer.sign(message, key, covered)
                        return message
                    names = sorted(name if name.startswith('"') else f'"{name}"' for name in covered)
                    report.accepts(place, names, judge.judge, signed(), key)
                    report.refuses(f"{place}: another key", judge.judge, signed(), stranger)
                    for part, needs in CHANGES.items():
                        if needs == "" or any(name.startswith(needs) for name in names) and (
                                part not in ("Host",) or make is request):
                            changed = signed()
                            spoil(part)(changed)
                            report.refuses(f"{place}: another {part}", judge.judge, changed, key)


def main():
    programs, report = pathlib.Path(sys.argv[1]), Report()
    with Server(programs / "gatehouse") as server:
        clients(server, report)
    libraries(Ours(Probe(programs / "GatehouseInteropProbe")), Theirs(), report)
    return report.end(at_least=1250)


if __name__ == "__main__":
    sys.exit(main())
