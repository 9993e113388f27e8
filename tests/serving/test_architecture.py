"""The house rules that a machine can check."""

import ast
import importlib
import importlib.util
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = (
    "praxtalk",
    "accounts",
    "brands",
    "integrations",
    "conversations",
    "leads",
    "widget",
    "reports",
    "data_requests",
)
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]
OWN = (*PACKAGES, "bench")
MAX_LINES = 300
MAX_FUNCTION_LINES = 60


def test_files_are_about_one_subject():
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: lines for path, lines in long.items() if lines > MAX_LINES} == {}


def test_functions_fit_a_screen():
    long = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.end_lineno - node.lineno > MAX_FUNCTION_LINES
            ):
                long.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert long == []


def test_the_environment_is_read_in_the_settings_only():
    """And in devservices, which runs before them, and wsgi.py, which keeps it out of requests; entry points name the settings
    module; serve hands its own on."""
    allowed = {
        "praxtalk/devservices/__init__.py",
        "praxtalk/environment.py",
        "praxtalk/settings.py",
        "praxtalk/wsgi.py",
    }
    setdefault = re.compile(r'os\.environ\.setdefault\("DJANGO_SETTINGS_MODULE"')
    readers = set()
    for path in SOURCES:
        text = setdefault.sub("", path.read_text())
        if "os.environ" in text.replace("os.environ | {", "") or "os.getenv" in text:
            readers.add(str(path.relative_to(ROOT)))
    assert readers <= allowed


def test_no_module_is_named_after_nothing():
    bad = {"utils", "helpers", "common", "misc", "base", "manager", "services"}
    django_wants_it_so = ROOT / "praxtalk/core/db/postgresql/base.py"
    assert {path.stem for path in SOURCES if path != django_wants_it_so} & bad == set()


def test_the_words_are_those_of_the_word_list():
    """Names that the field uses otherwise and this project does not, in code and docs."""
    wrong = re.compile(r"\b(class|def) \w*(Customer|Ticket|Prospect|Tenant|Account|Hook)\w*")
    assert {str(path): wrong.findall(path.read_text()) for path in SOURCES if wrong.search(path.read_text())} == {}


def test_what_is_pinned_says_what_it_is_for():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w\-\[\],]+==[\w.]+ +# .+", line), line


def test_nothing_that_was_made_is_committed():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert not [
        path for path in tracked if path.startswith((".data/", ".venv/", "staticfiles/")) or path.endswith(".pyc")
    ]


def test_what_benchmarks_import_is_there():
    """mypy does not read them, and some run only for minutes or not at all in this suite."""
    missing = []
    for path in (ROOT / "bench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in OWN:
                module = importlib.import_module(node.module)
                names = [alias.name for alias in node.names]
                missing += [
                    f"{path.relative_to(ROOT)}: {node.module}.{name}"
                    for name in names
                    if not hasattr(module, name) and not is_module(f"{node.module}.{name}")
                ]
    assert missing == []


def is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
