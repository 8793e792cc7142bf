"""Whether the time of an answer tells who has an account, at /auth and /iforgot.

    timing.py FOLDER-OF-THE-PROGRAMS

200 requests and more of each kind in turn, in either order, so that whatever else the machine does meets both; then the medians. Those
that are more than 5 % apart are measured again, twice at most: once in a while a machine does something else.
"""

import http.client
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

from aiosmtpd.controller import Controller

from server import Mailbox, free_port, running_server

TOLERANCE, ROUNDS = 0.05, 3
KNOWN, UNKNOWN = "known@a.test", "nobody@a.test"


def compare(what: str, samples: int, send) -> bool:
    for attempt in range(1, ROUNDS + 1):
        times = {KNOWN: [], UNKNOWN: []}
        for index in range(-10, samples):
            for name in random.sample([KNOWN, UNKNOWN], 2):
                begun = time.perf_counter()
                send(name)
                # The first ones fill caches.
                if index >= 0:
                    times[name].append((time.perf_counter() - begun) * 1000)
        known, unknown = (statistics.median(times[name]) for name in (KNOWN, UNKNOWN))
        apart = abs(known - unknown) / min(known, unknown)
        print(f"{what}, round {attempt}: known {known:.3f} ms, unknown {unknown:.3f} ms, {apart:.1%} apart, "
              f"medians of {samples} each", flush=True)
        if apart <= TOLERANCE:
            return True
    return False


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    mailbox = Mailbox()
    mail_server = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    mail_server.start()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for command in (["init", "--username", "admin@a.test"], ["user", "add", KNOWN]):
            subprocess.run(
                [programs / "gatehouse", *command, "--password-file", "-", "--database", folder / "store.db"],
                input="the quiet harbour 7\n", text=True, check=True, stdout=subprocess.DEVNULL)
        with running_server(programs, folder, mail_server.port, ["--test-limits"]) as url:
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)

            def post(path: str, content_type: str, body: str, status: int):
                connection.request("POST", path, body, {"Content-Type": content_type})
                answer = connection.getresponse()
                answer.read()
                assert answer.status == status, answer.status

            def sign_in(name: str):
                post("/auth", "application/json", json.dumps({"username": name, "password": "not this one 9"}), 401)

            def forgot(name: str):
                post("/iforgot", "application/x-www-form-urlencoded", urllib.parse.urlencode({"username": name}), 200)

            # What takes a millisecond or two hangs on the disk, so that it needs more of them.
            results = [compare("POST /auth", 200, sign_in), compare("POST /iforgot", 1000, forgot)]
            # It was not measured how fast nothing is done.
            mailbox.wait(1)
    mail_server.stop()
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
