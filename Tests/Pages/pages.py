"""The pages of a fresh server in headless Chromium, as a person with a keyboard meets them: the first admin, a forgotten password.

    pages.py FOLDER-OF-THE-PROGRAMS FOLDER-FOR-PICTURES

Each page is looked at in two sizes and in light and dark (`browser.py`); a picture of each is kept.
"""

import contextlib
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from aiosmtpd.controller import Controller

from browser import Browser
from server import Mailbox, free_port, running_server

ADMIN, FIRST, SECOND = "admin@a.test", "the quiet harbour 7", "another quiet harbour 8"


@contextlib.contextmanager
def another_site(target: str):
    """A page elsewhere whose form sends itself to our server."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = f"""<!DOCTYPE html><html lang="en"><title>elsewhere</title><link rel="icon" href="data:,">
                <form method="post" action="{target}"><input name="username" value="{ADMIN}"></form>
                <script>document.forms[0].submit()</script>""".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def sign_in(url: str, password: str) -> int:
    body = json.dumps({"username": ADMIN, "password": password}).encode()
    request = urllib.request.Request(url + "/auth", body, {"Content-Type": "application/json"})
    try:
        return urllib.request.urlopen(request, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code


def first_admin(browser: Browser, url: str, folder: pathlib.Path):
    browser.open(url + "/")
    browser.look("start-before")
    browser.follow("Set up the first administrator")
    browser.look("init")
    browser.type(ADMIN, "short")
    assert "You must provide a password with at least 8 characters" in browser.text
    browser.look("init-short")
    # The name is still there, and the focus is in the password.
    browser.type(FIRST)
    assert browser.heading == "IDM Ready", browser.text
    browser.look("init-ready")
    assert sign_in(url, FIRST) == 200


def forgotten_password(browser: Browser, url: str, mailbox: Mailbox):
    browser.open(url + "/")
    browser.look("start")
    browser.follow("I forgot my password")
    browser.look("forgot")
    browser.type("nobody@a.test")
    for_nobody = browser.text
    browser.open(url + "/iforgot")
    browser.type(ADMIN)
    assert browser.text == for_nobody
    browser.look("forgot-sent")

    mail = mailbox.wait(1)
    assert mail["To"] == ADMIN
    link = re.search(r"http\S+", mail.get_body(("plain",)).get_content()).group()
    assert link.startswith(url + "/reset?k="), "the link leads elsewhere"
    browser.open(link)
    browser.look("reset")
    browser.type("short", "short")
    assert "Your password is too short" in browser.text
    browser.look("reset-short")
    browser.type(SECOND, SECOND + "!")
    assert "Passwords do not match" in browser.text
    browser.look("reset-mismatch")
    browser.open(link)
    browser.type(SECOND, SECOND)
    assert browser.heading == "Your password has been set", browser.text
    browser.look("reset-done")
    assert sign_in(url, SECOND) == 200
    assert sign_in(url, FIRST) == 401

    browser.open(link)
    browser.type(FIRST, FIRST)
    assert "Your password reset link is invalid" in browser.text
    browser.look("reset-invalid")
    browser.open(url + "/reset")
    assert "no reset key was detected" in browser.text
    browser.look("reset-broken")
    browser.follow("I forgot my password")
    assert browser.heading == "I forgot my password"
    assert len(mailbox.mails) == 1


def other_sites(browser: Browser, url: str, mailbox: Mailbox):
    with another_site(url + "/iforgot") as port:
        # Another site, and the same site on another port.
        for host in ["127.0.0.1", "localhost"]:
            browser.open(f"http://{host}:{port}/")
            for _ in range(200):
                if browser.driver.current_url.startswith(url):
                    break
                time.sleep(0.05)
            assert browser.heading == "This is not possible here", browser.text
            # The browser notes that the answer was 403.
            browser.check_console("other site", allowed="403 (Forbidden)")
    browser.look("refused")
    time.sleep(1)
    assert len(mailbox.mails) == 1


def from_elsewhere(browser: Browser, programs: pathlib.Path, folder: pathlib.Path, url: str):
    """Opened again, the page asks for the code, on the machine itself too."""
    code = subprocess.run(
        [programs / "gatehouse", "init", "--reopen", "--database", folder / "store.db"], check=True, capture_output=True, text=True
    ).stdout.strip()
    browser.open(url + "/init")
    browser.type("second@a.test", FIRST, "wrong")
    assert "The set-up code is missing, wrong or no longer good" in browser.text
    browser.check_console("code", allowed="403 (Forbidden)")
    browser.look("init-code")
    browser.open(url + "/init")
    browser.type("second@a.test", FIRST, code.upper())
    assert browser.heading == "IDM Ready", browser.text


def main():
    programs, artefacts = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    artefacts.mkdir(parents=True, exist_ok=True)
    for picture in artefacts.glob("*.png"):
        picture.unlink()
    mailbox = Mailbox()
    mail_server = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    mail_server.start()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        browser = Browser(artefacts)
        try:
            with running_server(programs, folder, mail_server.port, []) as url:
                first_admin(browser, url, folder)
                forgotten_password(browser, url, mailbox)
                other_sites(browser, url, mailbox)
                from_elsewhere(browser, programs, folder, url)
        except BaseException:
            browser.driver.save_screenshot(str(artefacts / "failure.png"))
            print((folder / "log").read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            browser.close()
            mail_server.stop()
    print(f"Pages: {browser.looked_at} views looked at, with no mistake and nothing on the console; pictures in {artefacts}")


if __name__ == "__main__":
    main()
