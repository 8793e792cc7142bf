#!/usr/bin/env python3
"""draft-cavage-http-signatures with programs that others wrote, both ways.

`cavage.py FOLDER`: where the build left GatehouseInteropProbe, gatehouse and gatehouse-client. `make interop` does all the set-up. httpsig,
requests-http-signature 0.2 and the client of Flask-Cavage's document call a server of ours; httpsig and
requests-http-signature judge what our library signs; our client calls Flask-Cavage. README.md says where they deviate.
"""
import datetime
import json
import logging
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import warnings

# httpsig asks setuptools for its own version, which setuptools would rather not be asked.
warnings.simplefilter("ignore")

import flask
import flask_cavage
import httpsig
import requests
import requests_http_signature
import werkzeug.serving
from httpsig.requests_auth import HTTPSignatureAuth

import seed_client
from common import INVALID, MISSING, Key, Probe, Refused, Report, Server, Trial, digest, http_date, outcome, refusing

HEADERS = ["(request-target)", "host", "date"]
BODY_HEADERS = ["content-length", "content-type", "digest"]


class HTTPSig:
    """httpsig 1.3: HMAC and RSA only. Its user gives Date and Digest."""
    name = "httpsig"
    algorithms = ["hmac-sha256", "hmac-sha512", "rsa-sha256", "rsa-sha512"]
    weak = ["hmac-sha1", "rsa-sha1"]
    covers_date = True

    def covering(self, has_body):
        return HEADERS + BODY_HEADERS if has_body else HEADERS

    optional = covering

    def headers(self, body, age):
        return {"Date": http_date(age), **({} if body is None else {"Digest": digest("Digest", body)})}

    def auth(self, key, covering, age, label=None):
        return HTTPSignatureAuth(
            key_id=key.id, secret=key.signs, algorithm=label or key.algorithm, headers=covering)


class RequestsHTTPSignature:
    """requests-http-signature 0.2: makes Date and Digest itself.

    One of these signs one request: of a body it covers the digest, whatever it was told, and of the next request then too.
    """
    name = "requests-http-signature 0.2"
    algorithms = ["hmac-sha256", "rsa-sha256", "rsa-sha512", "ecdsa-p256-sha256"]
    weak = ["rsa-sha1"]
    labels = {"ecdsa-p256-sha256": "ecdsa-sha256"}
    covers_date = True
    maker = requests_http_signature.HTTPSignatureAuth

    def covering(self, has_body):
        return HEADERS + BODY_HEADERS if has_body else HEADERS

    def optional(self, has_body):
        return [name for name in self.covering(has_body) if name != "digest"]

    def headers(self, body, age):
        return {"Date": http_date(age)} if age else {}

    def auth(self, key, covering, age, label=None, **options):
        return self.maker(
            key=key.signs, key_id=key.id, algorithm=label or self.labels.get(key.algorithm, key.algorithm),
            headers=covering, **options)


class RequestsHTTPSignatureHeader(RequestsHTTPSignature):
    """The same in a field of its own (draft-12 §4)."""
    name = "the same, Signature: form"
    maker = requests_http_signature.HTTPSignatureHeaderAuth


def deviate(trial):
    """What each of the two does otherwise than the drafts say, or lets its user do."""
    client, key, expect, prepared = trial.client, trial.key, trial.expect, trial.prepared
    # Any label that it knows, whatever the key is for. SHA-1 counts nowhere.
    for label in client.weak:
        if label.split("-")[0] == key.algorithm.split("-")[0]:
            expect(f"labelled {label}", INVALID, prepared(auth=client.auth(key, HEADERS, 0, label=label)))
    if key.public:
        # RFC 8725 §2.1 for signatures: the public key, which everybody has, as the secret of an HMAC.
        confused = Key("hmac-sha256", secret=key.public)
        confused.id = key.id
        expect("HMAC with the public key", INVALID, prepared(auth=client.auth(confused, HEADERS, 0)))
    stranger = Key(key.algorithm)
    stranger.id = key.id
    expect("signed by another key", INVALID, prepared(auth=client.auth(stranger, HEADERS, 0)))
    if isinstance(client, HTTPSig):
        # Without a list it covers the date alone, and sends no `headers`: the older drafts' default.
        expect("told nothing", INVALID, prepared(auth=HTTPSignatureAuth(
            key_id=key.id, secret=key.signs, algorithm=key.algorithm)))
        return
    # `(created)` came with the label hs2019, which it does not have: draft-12 §2.3 makes an error of it beside others.
    expect("(created) beside an older label", INVALID, prepared(covering=[*HEADERS, "(created)"]))
    # It writes the port behind a Host that it was given, whether or not it has one: nobody sends what it then signs.
    given = requests.Request(
        "GET", trial.server.url + "/hello_someone", headers={"Host": trial.server.url.split("/")[2]},
        auth=client.auth(key, HEADERS, 0))
    expect("the port twice", INVALID, trial.session.prepare_request(given))
    hour = datetime.timedelta(hours=1)
    expect("with an end", "200", prepared(auth=client.auth(key, HEADERS, 0, expires_in=hour)))
    expect("after its end", "401 signature_stale", prepared(auth=client.auth(key, HEADERS, 0, expires_in=-hour)))


def clients(server, report):
    session = requests.Session()
    for client in (HTTPSig(), RequestsHTTPSignature(), RequestsHTTPSignatureHeader()):
        for algorithm in client.algorithms:
            with report.row(client.name, algorithm):
                key, other = server.add(Key(algorithm)), server.add(Key(algorithm))
                trial = Trial(client, key, other, server, session, report)
                trial.run()
                deviate(trial)
    unsigned = session.get(server.url + "/hello_world_private")
    report.equal("unsigned", (MISSING, '{"message":"Access Denied"}'), (outcome(unsigned), unsigned.text))


# MARK: The client of the document

def seed(program, report):
    """Against a server as the document configures it, and against one that is not configured."""
    key = Key("hmac-sha256", secret="123456789")
    key.id = "access_key_1"
    session = requests.Session()
    for flags, post in (["--cavage-verified-headers", "(request-target),host,date"], "200"), ([], INVALID):
        with report.row("the document's client", "as there" if flags else "default"), Server(program, *flags) as server:
            server.add(key, "--allow-weak")
            url = server.url + "/hello_world_private"

            def expect(what, wanted, *arguments, change=lambda request: None, **named):
                request = seed_client.request(*(arguments or (url, key.id, key.secret)), **named)
                change(request)
                answer = session.send(request)
                report.equal(f"the document's client, {what}", wanted, outcome(answer))
                return answer

            def headers(**changes):
                return lambda request: request.headers.update(changes)

            report.equal("the document's page", "Hello, world!", expect("GET", "200").text)
            report.equal("a page for all", "Hello, World!", expect(
                "a page for all", "200", server.url + "/hello_world", "nobody", "nothing").text)
            expect("GET with a query", "200", url + "?a=b%20c", key.id, key.secret)
            # It covers nothing of its body, which counts by that configuration only.
            expect("POST", post, method="POST")
            full = HEADERS + BODY_HEADERS
            expect("POST covering all", "200", method="POST", signed_headers=full)
            expect("another secret", INVALID, url, key.id, "987654321")
            expect("another key", INVALID, url, "access_key_2", key.secret)
            expect("another host", INVALID, change=headers(host="other.test"))
            expect("another date", INVALID, change=headers(date=http_date(-1)))
            expect("an old date", INVALID, change=headers(date=http_date(4000)))
            expect("another method", INVALID, change=lambda request: setattr(request, "method", "POST"))
            expect("another query", INVALID, change=lambda request: setattr(request, "url", url + "?admin=1"))
            expect("another body", INVALID, method="POST", signed_headers=full,
                   change=lambda request: setattr(request, "body", b"[]"))


# MARK: What our library signs

class Signed:
    """A request that our library signed."""
    method, target, host = "POST", "/a%20b?c=d", "app.test"
    body = b'{"hello": "world"}'

    def __init__(self, probe, key):
        self.fields = {
            "Host": self.host, "Date": http_date(0), "Content-Type": "application/json",
            "Content-Length": str(len(self.body)), "Digest": digest("Digest", self.body),
        }
        # requests-http-signature reads `created` of every signature, though it is not covered.
        answer = probe.ask(
            "sign-message", family="cavage", key=key.for_probe(), covered=HEADERS + BODY_HEADERS,
            created=1, message={
                "method": self.method, "target": self.target, "scheme": "https", "fields": list(self.fields.items())})
        self.fields.update(answer["fields"])


@refusing
def judged_by_httpsig(signed, key):
    judge = httpsig.HeaderVerifier(
        signed.fields, key.verifies, required_headers=HEADERS + BODY_HEADERS, method=signed.method, path=signed.target)
    if not judge.verify():
        raise Refused("False")
    return True


@refusing
def judged_by_requests(signed, key):
    request = requests.Request(
        signed.method, f"https://{signed.host}{signed.target}", headers=signed.fields, data=signed.body).prepare()
    requests_http_signature.HTTPSignatureAuth.verify(request, lambda key_id, algorithm: key.verifies.encode())
    return True


def libraries(probe, report):
    # The other verifies rsa-sha512 with SHA-256.
    for name, judge, algorithms in (
            (HTTPSig.name, judged_by_httpsig, HTTPSig.algorithms),
            (RequestsHTTPSignature.name, judged_by_requests, ["hmac-sha256", "rsa-sha256", "ecdsa-p256-sha256"])):
        for algorithm in algorithms:
            with report.row(f"{name}, judging", algorithm):
                key, stranger = Key(algorithm), Key(algorithm)
                place = f"signed by Gatehouse, judged by {name}, {algorithm}"
                report.accepts(place, True, judge, Signed(probe, key), key)
                report.refuses(f"{place}: another key", judge, Signed(probe, key), stranger)
                for field, value in (("method", "PUT"), ("target", "/a%20b?c=e"), ("target", "/a+b?c=d")):
                    changed = Signed(probe, key)
                    setattr(changed, field, value)
                    report.refuses(f"{place}: {field} {value}", judge, changed, key)
                for field in ("Host", "Date", "Content-Type", "Digest"):
                    changed = Signed(probe, key)
                    changed.fields[field] += "x"
                    changed.host = changed.fields["Host"]
                    report.refuses(f"{place}: {field}", judge, changed, key)


# MARK: Flask-Cavage

KEYS = {"access_key_1": "123456789", "access_key_2": "4381326329"}


def flask_app():
    """The server of the document, with a page whose path is percent-encoded."""
    app = flask.Flask(__name__)
    app.logger.setLevel(logging.CRITICAL)
    signature = flask_cavage.CavageSignature(app)
    signature.secret_loader(KEYS.get)

    @app.route("/hello_world_private", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @app.route("/a b", methods=["GET", "POST"])
    @flask_cavage.require_apikey_authentication
    def hello_world_private():
        return f"Hello, {flask.g.cavage_key_id}!"
    return app


def sent(client, method, url, body, secret, flags):
    """By `gatehouse-client sign`, which does what the SDK does."""
    with tempfile.NamedTemporaryFile() as file:
        file.write((body or "").encode())
        file.flush()
        content = [] if body is None else ["--body", file.name, "--header", "Content-Type: application/json"]
        ended = subprocess.run(
            [client, "sign", method, url, "--send", "--json", "--secret-file", "-", "--allow-weak", *flags, *content],
            input=secret, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(ended.stdout)


def flask_server(probe, client, report):
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = werkzeug.serving.make_server("127.0.0.1", 0, flask_app(), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    page = "/hello_world_private"

    def expect(what, wanted, method="GET", target=page, body=None, key="access_key_1", secret=KEYS["access_key_1"],
               matching=True, family="cavage", algorithm="hmac-sha256"):
        answer = sent(client, method, url + target, body, secret, [
            "--with", family, "--key-id", key, "--algorithm", algorithm, *(["--flask-cavage"] if matching else [])])
        report.equal(f"Flask-Cavage, {what}", wanted, answer["status"])
        if wanted == 200 and method != "HEAD":
            report.equal(f"Flask-Cavage, {what}", f"Hello, {key}!", answer["body"])

    with report.row("Flask-Cavage 0.4.3", "gatehouse-client"):
        for target in (page, page + "?a=b%20c&d=", "/a%20b", "/a%20b?c=%26"):
            expect(f"GET {target}", 200, target=target)
        for method in ("HEAD", "DELETE"):
            expect(method, 200, method, page + "?a=b")
        for method in ("POST", "PUT", "PATCH"):
            expect(method, 200, method, body='{"a":"b"}')
            expect(f"{method} with a query", 200, method, page + "?a=b", body='{"a":"b"}')
            expect(f"an empty {method}", 200, method, body="")
        expect("the second key", 200, key="access_key_2", secret=KEYS["access_key_2"])
        expect("hmac-sha512", 200, algorithm="hmac-sha512")
        # As every draft says, it takes what has neither query nor escapes where it leaves these out.
        expect("as sent: GET with a query", 200, target=page + "?a=b%20c", matching=False)
        expect("as sent: POST", 200, "POST", body="{}", matching=False)
        expect("as sent: POST with a query", 401, "POST", page + "?a=b", body="{}", matching=False)
        expect("as sent: GET with an escape", 401, target="/a%20b", matching=False)
        for body in (None, "{}"):
            method = "GET" if body is None else "POST"
            expect(f"{method} with another secret", 401, method, body=body, secret="987654321")
            expect(f"{method} with another key", 401, method, body=body, key="access_key_2")
            expect(f"{method} with an unknown key", 401, method, body=body, key="access_key_3")
            expect(f"{method} by RFC 9421", 401, method, body=body, family="rfc9421", matching=False)
    with report.row("Flask-Cavage 0.4.3", "changed on the way"):
        for what, change in {
            "nothing": {}, "the body": {"data": "[]"}, "the method": {"method": "PUT"}, "the path": {"path": "/a%20b"},
            "the type": {"Content-Type": "text/plain"}, "the date": {"Date": http_date(4)}, "the host": {"Host": "a.test"},
            "the digest": {"Digest": digest("Digest", b"[]")}, "the signature": {"Authorization": None},
        }.items():
            fields = {"Host": url[7:], "Date": http_date(0), "Content-Type": "application/json", "Content-Length": "2",
                      "Digest": digest("Digest", b"{}")}
            signed = probe.ask(
                "sign-message", family="cavage", covered=HEADERS + BODY_HEADERS,
                key={"id": "access_key_1", "algorithm": "hmac-sha256", "secret": KEYS["access_key_1"]},
                message={"method": "POST", "target": page, "scheme": "http", "fields": list(fields.items())})
            fields.update(signed["fields"])
            if "Authorization" in change:
                change = {"Authorization": re.sub(r'signature="....', 'signature="AAAA', fields["Authorization"])}
            fields.update({name: value for name, value in change.items() if name[0].isupper()})
            answer = requests.request(
                change.get("method", "POST"), url + change.get("path", page), headers=fields,
                data=change.get("data", "{}"))
            report.equal(f"Flask-Cavage, changed: {what}", 401 if change else 200, answer.status_code)
        report.equal("Flask-Cavage, unsigned", 401, requests.get(url + page).status_code)
    server.shutdown()


def main():
    programs, report = pathlib.Path(sys.argv[1]), Report()
    probe = Probe(programs / "GatehouseInteropProbe")
    with Server(programs / "gatehouse") as server:
        clients(server, report)
    seed(programs / "gatehouse", report)
    libraries(probe, report)
    flask_server(probe, programs / "gatehouse-client", report)
    return report.end(at_least=800)


if __name__ == "__main__":
    sys.exit(main())
