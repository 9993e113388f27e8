"""Words of people in the headers of e-mails."""


def one_line(text: str) -> str:
    """Without the line breaks that would begin another header; Django refuses to send those."""
    return " ".join(text.split())
