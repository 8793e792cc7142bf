"""What the scripts here share: the probe, a server, keys, clients that are tried at it, and the table of what was found."""
import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time

PASSWORD = "the quiet harbour 7"
ACCOUNT = "interop@a.test"


class Refused(Exception):
    pass


def refusing(function):
    """Whatever a library throws at what it is given, it has refused it."""
    def call(*arguments):
        try:
            return function(*arguments)
        except Exception as error:
            raise Refused(f"{type(error).__name__}: {error}") from error
    return call


class Probe:
    """Our libraries, as GatehouseInteropProbe shows them."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, verb, **members):
        self.process.stdin.write(json.dumps({"verb": verb, **members}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"])
        return answer


class Report:
    def __init__(self):
        self.done = 0
        self.failures = []

    @contextlib.contextmanager
    def row(self, *cells):
        """Counts what is done inside, and prints it as a line of the table."""
        before, failed = self.done, len(self.failures)
        yield
        print(f"{cells[0]:38}{' '.join(cells[1:]):20}{self.done - before:4} checks,"
              f" {len(self.failures) - failed} failed", flush=True)

    def equal(self, what, wanted, found):
        self.done += 1
        if found != wanted:
            self.failures.append(f"{what}: {wanted} was expected, {found} came")

    def accepts(self, what, wanted, function, *arguments):
        try:
            self.equal(what, wanted, function(*arguments))
        except Refused as error:
            self.done += 1
            self.failures.append(f"{what}: refused: {error}")

    def refuses(self, what, function, *arguments):
        self.done += 1
        try:
            function(*arguments)
            self.failures.append(f"{what}: accepted")
        except Refused:
            pass

    def end(self, at_least):
        """The exit code. Too few checks is a failure too: something was left out."""
        for failure in self.failures:
            print("FAILED", failure, file=sys.stderr)
        print(f"{self.done} checks, {len(self.failures)} failed")
        if self.done < at_least:
            print(f"FAILED there should be {at_least} checks at least", file=sys.stderr)
        return 1 if self.failures or self.done < at_least else 0


class Key:
    """A key as both ends have it: `secret`, or `private` and `public` in PEM."""

    def __init__(self, algorithm, secret=None):
        self.algorithm = algorithm
        self.id = f"key-{secrets.token_hex(4)}"
        self.secret = secret or (secrets.token_urlsafe(32) if algorithm.startswith("hmac") else None)
        self.private = self.public = None
        if self.secret is None:
            self._make_pair()

    def _make_pair(self):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        if self.algorithm == "ed25519":
            pair = ed25519.Ed25519PrivateKey.generate()
        elif self.algorithm.startswith("ecdsa"):
            pair = ec.generate_private_key(ec.SECP384R1() if "p384" in self.algorithm else ec.SECP256R1())
        else:
            pair = rsa.generate_private_key(65537, 2048)
        pem = serialization.Encoding.PEM
        self.private = pair.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        self.public = pair.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def signs(self):
        """What a client signs with, as text."""
        return self.secret or self.private

    @property
    def verifies(self):
        return self.secret or self.public

    def for_probe(self, private=True):
        material = {"secret": self.secret} if self.secret else {"pem": self.private if private else self.public}
        return {"id": self.id, "algorithm": self.algorithm, **material}


class Server:
    """`gatehouse serve` on a fresh store and a free port of 127.0.0.1, with an account that keys are made for."""

    def __init__(self, program, *flags):
        self.program = program
        self.folder = tempfile.TemporaryDirectory()
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("GATEHOUSE_", "AMPHO_", "CAVAGE_"))}
        self.run("user", "add", ACCOUNT, "--password-file", "-", text=PASSWORD)
        self.process = subprocess.Popen(
            [program, "serve", "--port", "0", *flags, *self.store], env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        ready = self.process.stdout.readline()
        if not ready.startswith("Gatehouse is ready at "):
            raise SystemExit(f"the server did not start: {ready}")
        self.url = ready.split()[-1]

    @property
    def store(self):
        return ["--database", os.path.join(self.folder.name, "store.db")]

    def run(self, *arguments, text=""):
        """A command beside the server."""
        return subprocess.run([self.program, *arguments, *self.store], env=self.environment, text=True, input=text + "\n",
                              stdout=subprocess.PIPE, check=True).stdout

    def add(self, key, *flags):
        """Makes a key known; a secret is the server's own unless the key was given one."""
        arguments = ["key", "add", "--account", ACCOUNT, "--id", key.id, "--algorithm", key.algorithm, *flags]
        if key.public:
            self.run(*arguments, "--public-key", "-", text=key.public)
        elif "--allow-weak" in flags:
            self.run(*arguments, "--secret-file", "-", text=key.secret)
        else:
            key.secret = json.loads(self.run(*arguments))["secret"]
        return key

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def outcome(response):
    """The status with the word of the refusal, such as `401 signature_stale`."""
    code = response.headers.get("Error-Code")
    return f"{response.status_code} {code}" if code else str(response.status_code)


INVALID = "401 signature_invalid"
STALE = "401 signature_stale"
MISSING = "401 signature_missing"


def flip(text):
    """Base64 with one bit changed in the middle."""
    octets = bytearray(base64.b64decode(text))
    octets[len(octets) // 2] ^= 1
    return base64.b64encode(octets).decode()


class Trial:
    """A client of somebody else at our server: what it signs is accepted, and nothing that was changed afterwards.

    A client has a `name`; `headers(body, age)`, which its user gives; `auth(key, covering, age)`, which signs a request of
    `requests` as its last step before sending; `covering(has_body)`, what that covers by itself; `optional(has_body)`, what of
    that it can be told to leave out; and `covers_date`.
    """

    def __init__(self, client, key, other, server, session, report):
        self.client, self.key, self.other, self.server = client, key, other, server
        self.session, self.report = session, report
        self.place = f"{client.name} {key.algorithm}"
        self.count = 0

    def prepared(self, method="GET", target="/hello_someone?a=b%20c&d=", body=None, covering=None, age=0, auth=None):
        import requests
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers.update(self.client.headers(body, age))
        auth = auth or self.client.auth(self.key, covering or self.client.covering(body is not None), age)
        return self.session.prepare_request(requests.Request(
            method, self.server.url + target, data=body, headers=headers, auth=auth))

    def body(self):
        """Another one each time: two requests that are the same in everything count once."""
        self.count += 1
        return json.dumps({"count": self.count, "trial": self.place}).encode()

    def expect(self, what, wanted, request):
        self.report.equal(f"{self.place}: {what}", wanted, outcome(self.session.send(request)))

    def run(self):
        prepared, expect = self.prepared, self.expect
        expect("a GET with a query", "200", prepared())
        expect("a GET without one", "200", prepared(target="/hello_world_private"))
        expect("a DELETE", "200", prepared("DELETE"))
        get = prepared()
        expect("the same GET", "200", get)
        expect("the same GET again", "200", get)
        for method in ("POST", "PUT", "PATCH"):
            expect(f"a {method} with a query", "200", prepared(method, body=self.body()))
        post = prepared("POST", "/hello_world_private", body=self.body())
        expect("a POST", "200", post)
        expect("the same POST again", INVALID, post)
        expect("signed too long ago", STALE, prepared(age=400))
        expect("signed ahead of time", STALE, prepared(age=-400))
        for name, change in CHANGES.items():
            self.changed(name, change, prepared())
            self.changed(f"POST, {name}", change, prepared("POST", body=self.body()))
        for name, change in BODY_CHANGES.items():
            self.changed(name, change, prepared("POST", body=self.body()))
        for method in ("GET", "POST"):
            for left_out in self.client.optional(method == "POST"):
                covering = [name for name in self.client.covering(method == "POST") if name != left_out]
                body = self.body() if method == "POST" else None
                expect(f"{method} without {left_out}", INVALID, prepared(method, body=body, covering=covering))

    def changed(self, name, change, request):
        before = (request.method, request.url, dict(request.headers), request.body)
        wanted = change(request, self) or INVALID
        if before == (request.method, request.url, dict(request.headers), request.body):
            return  # This client has no such thing.
        self.expect(name, wanted, request)


def change_method(request, trial):
    request.method = {"GET": "DELETE", "POST": "PUT"}[request.method]


def change_url(before, after):
    def change(request, trial):
        request.url = request.url.replace(before, after)
    return change


def change_host(request, trial):
    request.headers["Host"] = "other.test"


def edit(pattern, replacement):
    """Of whichever field carries the signature."""
    def change(request, trial):
        for header in ("Authorization", "Signature-Input", "Signature"):
            if header in request.headers:
                found = re.search(pattern, request.headers[header])
                if found:
                    text = replacement(found, trial) if callable(replacement) else replacement
                    start, end = found.span(1)
                    request.headers[header] = request.headers[header][:start] + text + request.headers[header][end:]
    return change


def drop_signature(request, trial):
    for header in ("Authorization", "Signature-Input", "Signature"):
        request.headers.pop(header, None)
    return MISSING


def change_date(request, trial):
    if trial.client.covers_date:
        request.headers["Date"] = http_date(-1)


def http_date(age):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - age))


CHANGES = {
    "another method": change_method,
    "another path": change_url("/hello_someone", "/hello_world_private"),
    "another query": change_url("a=b", "a=B"),
    "the query written otherwise": change_url("%20", "+"),
    "a longer query": change_url("&d=", "&d=&e=1"),
    "no query": change_url("?a=b%20c&d=", ""),
    "another host": change_host,
    "another date": change_date,
    "another key": edit(r'key[Ii]d="([^"]+)"', lambda found, trial: trial.other.id),
    "an unknown key": edit(r'key[Ii]d="([^"]+)"', "nobody"),
    "another signature": edit(r'(?:signature="|=:)([^":]+)["|:]', lambda found, trial: flip(found[1])),
    "a shorter signature": edit(
        r'(?:signature="|=:)([^":]+)["|:]',
        lambda found, trial: base64.b64encode(base64.b64decode(found[1])[:-1]).decode()),
    "another algorithm": edit(r'alg(?:orithm)?="([^"]+)"', "hmac-sha999"),
    "another created": edit(r";created=\d+(\d)", lambda found, trial: str((int(found[1]) + 1) % 10)),
    "no signature": drop_signature,
}


def change_body(request, trial):
    request.body = request.body[:-2] + b" }"


def change_body_and_digest(request, trial):
    change_body(request, trial)
    for header in ("Digest", "Content-Digest"):
        if header in request.headers:
            request.headers[header] = digest(header, request.body)


def digest(header, body):
    text = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return f"SHA-256={text}" if header == "Digest" else f"sha-256=:{text}:"


BODY_CHANGES = {
    "another body": change_body,
    "another body with its digest": change_body_and_digest,
}
