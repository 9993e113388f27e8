"""Project conventions that can be checked automatically."""

import ast
import importlib
import importlib.util
import re
import subprocess
import tomllib

from tests.servers import PROJECT as ROOT

PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]
OWN = (*PACKAGES, "bench")
MAX_LINES = 300
MAX_FUNCTION_LINES = 60


def test_source_files_have_at_most_300_lines():
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {path: lines for path, lines in long.items() if lines > MAX_LINES} == {}


def test_functions_have_at_most_60_lines():
    long = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and node.end_lineno - node.lineno > MAX_FUNCTION_LINES
            ):
                long.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert long == []


def test_only_settings_read_the_environment():
    """Exceptions: devservices runs before the settings, and wsgi.py keeps the environment out of requests.

    Entry points set only the settings module, and serve passes its own environment on to its processes.
    """
    allowed = {
        "praxtalk/devservices/__init__.py",
        "praxtalk/devservices/locks.py",
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


def test_no_module_has_a_meaningless_name():
    bad = {"utils", "helpers", "common", "misc", "base", "manager", "services"}
    required_by_django = ROOT / "praxtalk/core/db/postgresql/base.py"
    assert {path.stem for path in SOURCES if path != required_by_django} & bad == set()


def test_no_class_uses_a_rejected_term():
    """Terms that are common elsewhere but that this project replaces with its own, for example Visitor for Customer."""
    wrong = re.compile(r"\bclass \w*(Customer|Ticket|Prospect|Tenant|Account|Hook)\w*")
    assert {str(path): wrong.findall(path.read_text()) for path in SOURCES if wrong.search(path.read_text())} == {}


def test_each_pinned_requirement_has_a_comment():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w\-\[\],]+==[\w.]+ +# .+", line), line


def test_no_local_file_is_committed():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert not [
        path for path in tracked if path.startswith((".data/", ".venv/", "staticfiles/")) or path.endswith(".pyc")
    ]


def test_names_imported_by_benchmarks_exist():
    """mypy does not check benchmarks, and this suite runs some of them only briefly or not at all."""
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
