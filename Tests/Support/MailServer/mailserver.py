"""A mail server for tests (aiosmtpd), on 127.0.0.1: writes what it takes into a folder, a JSON file each.

The first line on standard output is the port. What a recipient is called decides what becomes of its mail: gone@ is refused
for good, busy@ for now, and odd@ when the message has been read.
"""

import argparse
import asyncio
import email
import email.policy
import json
import os
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

arguments = argparse.ArgumentParser()
arguments.add_argument("--folder", required=True)
arguments.add_argument("--port", type=int, default=0)
arguments.add_argument("--tls", choices=["starttls", "tls", "none"], default="none")
arguments.add_argument("--certificate")
arguments.add_argument("--key")
arguments.add_argument("--user")
arguments.add_argument("--password")
arguments.add_argument("--greet-after", type=float, default=0)
given = arguments.parse_args()


def note(kind, what):
    """Writes a file that appears whole; its number is the order of arrival."""
    note.count += 1
    name = os.path.join(given.folder, f"{kind}-{note.count:04}.json")
    with open(name + ".part", "w", encoding="utf-8") as file:
        json.dump(what, file)
    os.rename(name + ".part", name)


note.count = 0


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        note("attempt", {"to": address})
        name = address.split("@")[0]
        if name == "gone":
            return f"550 5.1.1 <{address}> no such user"
        if name == "busy":
            return f"451 4.2.1 <{address}> try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("odd@"):
            return "554 5.7.1 not wanted"
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        parts = list(message.walk())
        forms = {part.get_content_type(): part.get_content() for part in parts if not part.is_multipart()}
        note("mail", {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos[0],
            "user": session.auth_data.login.decode() if session.auth_data else "",
            "isEncrypted": session.ssl is not None,
            "hello": session.host_name,
            "headers": {name.lower(): value for name, value in message.items()},
            "type": message.get_content_type(),
            "forms": [part.get_content_type() for part in parts if not part.is_multipart()],
            "text": forms.get("text/plain", ""),
            "html": forms.get("text/html", ""),
            "defects": [str(defect) for part in parts for defect in part.defects],
            "longestLine": max(len(line) for line in envelope.original_content.split(b"\r\n")),
            "isASCII": envelope.original_content.isascii(),
        })
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    isRight = (
        isinstance(data, LoginPassword)
        and data.login.decode() == given.user
        and data.password.decode() == given.password
    )
    note("sign-in", {"mechanism": mechanism, "isRight": isRight})
    return AuthResult(success=isRight, handled=False, auth_data=data if isRight else None)


class Server(SMTP):
    def connection_made(self, transport):
        # STARTTLS comes here too.
        if given.greet_after and not self.session:
            note("connection", {})
            asyncio.get_running_loop().call_later(given.greet_after, super().connection_made, transport)
        else:
            super().connection_made(transport)


async def main():
    context = None
    if given.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate, given.key)
    hasStartTLS = given.tls == "starttls"

    def session():
        return Server(
            Handler(),
            tls_context=context if hasStartTLS else None,
            require_starttls=hasStartTLS,
            authenticator=authenticate if given.user else None,
            auth_required=bool(given.user),
            # Of a TLS connection from the beginning, aiosmtpd does not know that it is one.
            auth_require_tls=hasStartTLS,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        session, "127.0.0.1", given.port, ssl=context if given.tls == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
