"""A server on a fresh store, and a mail server (aiosmtpd) for what it sends."""

import contextlib
import email
import email.policy
import pathlib
import socket
import subprocess
import time


class Mailbox:
    """What the mail server took."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def wait(self, count: int):
        for _ in range(600):
            if len(self.mails) >= count:
                return self.mails[count - 1]
            time.sleep(0.05)
        raise AssertionError(f"{len(self.mails)} mails came, not {count}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running_server(programs: pathlib.Path, folder: pathlib.Path, mail_port: int, flags: list[str]):
    port = free_port()
    url = f"http://localhost:{port}"
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [programs / "gatehouse", "serve", "--database", folder / "store.db", "--port", str(port), "--public-url", url,
             "--mail-server", f"smtp://127.0.0.1:{mail_port}", "--mail-tls", "none", "--mail-from", "no-reply@a.test", *flags],
            stdout=subprocess.PIPE, stderr=log)
        try:
            assert process.stdout.readline(), (folder / "log").read_text()
            yield url
        finally:
            process.terminate()
            process.wait(timeout=60)
