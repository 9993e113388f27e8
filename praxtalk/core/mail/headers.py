"""Names and addresses in e-mail headers."""

import re
from email.utils import formataddr, parseaddr

import idna

LOCAL_PART = re.compile(r"""[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}|"[ !#-\[\]-~]{1,62}\"""")  # RFC 5321, 4.1.2
DOMAIN = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f.:IPv]+\]")


def one_line(text: str) -> str:
    """Return the text on one line. A line break would begin another header, so Django refuses to send it."""
    return " ".join(text.split())


def ascii_address(address: str) -> str:
    """Return the address in ASCII, which every mail server accepts: `hello@bücher.example` becomes `hello@xn--bcher-kva.example`.

    Raises ValueError if there is no such form: non-ASCII letters before the @ need SMTPUTF8, which few servers support.
    """
    local, _, domain = address.rpartition("@")
    if not LOCAL_PART.fullmatch(local):
        raise ValueError(
            "The part before the @ may have only letters from a to z, digits and characters such as . _ + -."
        )
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError("The part after the @ is not a domain.") from error
    if not DOMAIN.fullmatch(domain):
        raise ValueError("The part after the @ is not a domain.")
    return f"{local}@{domain}"


def ascii_sender(text: str) -> str:
    """Like `ascii_address`, for an address with an optional name: `Bücher <hello@bücher.example>`. Raises ValueError."""
    name, address = parseaddr(text)
    return formataddr((name, ascii_address(address)))
