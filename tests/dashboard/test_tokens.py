"""The style sheets of the dashboard take colours, sizes of text, spaces, radii and shadows from tokens.css only."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "static/dashboard"
SHEETS = sorted(path for path in FOLDER.rglob("*.css") if path.name != "tokens.css")
DECLARATION = re.compile(r"(?<=[{;])\s*([a-z-]+)\s*:\s*([^;{}]+);")
COLOR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgb|rgba|hsl|hsla|oklch|oklab|lab|color)\(", re.IGNORECASE)
NAMED_COLORS = {"white", "black", "red", "green", "blue", "gray", "grey", "silver", "orange", "yellow"}
# A value is made of these: a token, zero, a keyword, or a calculation with tokens.
TOKEN = re.compile(r"var\(--[a-z0-9-]+\)")
ALLOWED = {
    "+",
    "-",
    "*",
    "-1",
    "50%",
    "100%",
    "!important",
    "0",
    "auto",
    "inherit",
    "none",
    "normal",
    "transparent",
    "currentcolor",
    "initial",
    "unset",
}
RULES = {
    "font-size": r"--text-(12|13|14|16|20)",
    "font-weight": r"--(regular|medium|semibold)",
    "border-radius": r"--radius(-full)?",
    "box-shadow": r"--shadow-(popover|dialog)",
    "margin": r"--space-\d+",
    "padding": r"--(space|bar)-\d+",
    "gap": r"--space-\d+",
}


def declarations(path):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    return [(name, " ".join(value.split())) for name, value in DECLARATION.findall(text)]


def rule_of(name):
    """Return the pattern of the tokens for a property, or None: `padding-inline-start` follows the rule of `padding`."""
    if name.endswith("radius"):
        return RULES["border-radius"]
    return next((pattern for start, pattern in RULES.items() if name == start or name.startswith(f"{start}-")), None)


def is_allowed(value, pattern):
    parts = re.sub(r"calc\((.*)\)", r" \1 ", re.sub(r"env\([^)]*\)", "0", value)).split()
    return all(re.search(pattern, part) if TOKEN.fullmatch(part) else part in ALLOWED for part in parts)


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_value_is_a_token(path):
    wrong = []
    for name, value in declarations(path):
        words = set(re.findall(r"[a-z-]+", value.lower()))
        if COLOR.search(value) or words & NAMED_COLORS:
            wrong.append(f"{name}: {value} (a colour that is no token)")
        pattern = rule_of(name)
        if name == "box-shadow" and value.startswith("inset"):
            continue  # an edge in the colour of a token
        if pattern and not is_allowed(value, pattern):
            wrong.append(f"{name}: {value}")
    assert wrong == []


def test_every_token_that_is_used_exists_and_every_token_is_used():
    defined = set(re.findall(r"^\s+(--[a-z0-9-]+):", (FOLDER / "tokens.css").read_text(), re.MULTILINE))
    used = {name for path in FOLDER.rglob("*.css") for name in re.findall(r"var\((--[a-z0-9-]+)", path.read_text())}
    assert used - defined == set()
    assert defined - used == set()
