"""A real SMTP server on the loopback interface that misbehaves for chosen recipients or senders."""

import asyncio
import socket
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from types import SimpleNamespace

from aiosmtpd.controller import Controller

LONGER_THAN_ANY_TIMEOUT = 60


class _Handler:
    def __init__(self, state):
        self.state = state

    async def handle_MAIL(self, server, session, envelope, address, options):
        if address in self.state.refused_senders:
            return "550 5.7.1 this sender may not send here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.state.attempted_recipients.append(address)
        fault = self.state.faults.get(address, "")
        if fault == "hangs":
            await asyncio.sleep(LONGER_THAN_ANY_TIMEOUT)
        if fault == "closes":
            server.transport.close()
        if fault.isdecimal():
            return f"{fault} {address} is not wanted here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if {self.state.faults.get(address) for address in envelope.rcpt_tos} & {"content"}:
            return "554 5.7.1 this looks like spam"
        message = message_from_bytes(envelope.content, policy=default)
        self.state.messages.append(SimpleNamespace(to=envelope.rcpt_tos, sender=envelope.mail_from, message=message))
        return "250 OK"


@contextmanager
def mail_server(settings, **faults):
    """Run an SMTP server and send Django's e-mails to it while the context is open.

    `faults` maps a recipient to "hangs", "closes" (the connection), "content" (refused after the text was sent), or a status
    code such as "451". Yields the state of the server, which a test may change: `attempted_recipients` (in order), `messages`
    (the accepted messages), `faults` and `refused_senders`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    state = SimpleNamespace(attempted_recipients=[], messages=[], faults=faults, refused_senders=set())
    controller = Controller(_Handler(state), hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 0.5
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    try:
        yield state
    finally:
        controller.stop(no_assert=True)
