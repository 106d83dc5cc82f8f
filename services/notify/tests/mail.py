"""A mail server: prints its port, then each mail as a line of JSON.

mail.py CERT KEY   by STARTTLS only, user weir with password geheim
mail.py            in the open, without a login
"""

import email
import json
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Box:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content)
        parts = {p.get_content_type(): p.get_payload(decode=True).decode(errors="replace")
                 for p in mail.walk() if not p.is_multipart()}
        subject = str(email.header.make_header(email.header.decode_header(mail["subject"])))
        print(json.dumps({"to": envelope.rcpt_tos, "from": envelope.mail_from, "subject": subject,
                          "id": mail["message-id"], "tls": session.ssl is not None,
                          "files": [p.get_filename() for p in mail.walk() if p.get_filename()],
                          "parts": parts}), flush=True)
        return "250 taken"


def known(server, session, envelope, mechanism, auth):
    right = auth.login == b"weir" and auth.password == b"geheim"
    return AuthResult(success=right, handled=False)


options = {}
if len(sys.argv) > 1:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1], sys.argv[2])
    options = {"tls_context": tls, "require_starttls": True, "auth_required": True,
               "authenticator": known}
controller = Controller(Box(), hostname="127.0.0.1", port=int(sys.stdin.readline()), **options)
controller.start()
print("ready", flush=True)
while True:
    time.sleep(60)
