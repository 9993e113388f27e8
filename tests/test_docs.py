"""The docs list exactly what the code has: routes, events, settings, commands, error codes."""

import json
import re
import tomllib
from pathlib import Path

from django.urls import URLPattern

from accounts.audit import Action
from integrations.models import EventName
from praxtalk.core.dashboard.site import dashboard
from praxtalk.core.live.functions import all_functions
from praxtalk.core.live.limits import CloseCode
from praxtalk.core.live.results import Code
from praxtalk.urls import urlpatterns

ROOT = Path(__file__).resolve().parent.parent
REST = (ROOT / "docs/rest.md").read_text()
WEBHOOKS = (ROOT / "docs/webhooks.md").read_text()
WIDGET = (ROOT / "docs/widget.md").read_text()
SDK = (ROOT / "docs/agent-sdk.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
DASHBOARD = (ROOT / "docs/dashboard.md").read_text()
README = (ROOT / "README.md").read_text()
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_every_route_has_a_section_with_an_example():
    calls = set()
    for pattern in urlpatterns:
        if isinstance(pattern, URLPattern) and str(pattern.pattern).startswith("api/v1/"):
            path = "/" + re.sub(r"<str:\w+>", ":id", pattern.pattern._route)
            methods = {
                name.upper() for name in ("get", "post", "patch", "delete") if hasattr(pattern.callback.cls, name)
            }
            calls |= {f"{method} {path}" for method in methods}
    sections = dict(re.findall(r"^### ([A-Z]+ /api/v1/\S+)$(.*?)(?=^###? |\Z)", REST, re.MULTILINE | re.DOTALL))
    assert set(sections) == calls
    for call, text in sections.items():
        assert "curl" in text, call
        assert "```" in text.split("curl", 1)[1], call


def test_every_live_function_is_listed_and_nothing_else():
    """Functions for visitors are listed in the widget docs, all others in the Agent SDK docs."""
    row = re.compile(r"^\| `(\w+:\w+)` \|.*$", re.MULTILINE)
    listed = {found[1]: found[0] for text in (SDK, WIDGET) for found in row.finditer(text)}
    assert set(listed) == set(all_functions())
    assert {name for name in listed if f"| `{name}` |" in WIDGET} == {
        "widget:thread",
        "widget:look",
        "widget:rate",
        "widget:tell",
    }
    for name, function in all_functions().items():
        shown = listed[name]
        assert {
            field for field in function.serializer_class().fields if f"`{field}`" not in shown and "as [P" not in shown
        } == set()


def test_every_call_of_the_widget_is_listed_and_nothing_else():
    calls = set()
    for pattern in urlpatterns:
        if isinstance(pattern, URLPattern) and str(pattern.pattern).startswith("widget/v1/"):
            view = pattern.callback.cls
            path = str(pattern.pattern).replace("<str:id>", ":id")
            calls |= {f"{name.upper()} /{path}" for name in ("get", "post") if hasattr(view, name)}
    assert set(re.findall(r"^\| `([A-Z]+ /widget/\S+)` \|", WIDGET, re.MULTILINE)) == calls


def test_every_live_error_and_close_code_is_listed():
    assert {code.value for code in Code if f"| `{code.value}` |" not in SDK} == set()
    assert {code.value for code in CloseCode if str(code.value) not in SDK} == set()


def test_client_versions_in_the_docs_are_the_tested_ones():
    pinned = json.loads((ROOT / "tests/live/package.json").read_text())
    versions = {text.rsplit("@")[-1] for name, text in pinned["dependencies"].items() if name.startswith("convex")}
    versions |= set(re.findall(r"^convex==(\S+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    assert len(versions) == 5
    assert {version for version in versions if version not in SDK} == set()


def test_every_event_has_an_example_body():
    for name in EventName.values:
        assert f'"type": "{name}"' in WEBHOOKS, name


def test_every_error_code_is_listed():
    code = re.compile(
        r'X-Error-Code": "(\w+)"|default_code = "(\w+)"|, "(\w+_key|\w+_allowed|\w+_reused)"\)|code = "(\w+)"'
    )
    used = {word for path in SOURCES for words in code.findall(path.read_text()) for word in words if word}
    used |= {"not_authenticated", "not_found", "method_not_allowed", "malformed_json"}
    assert {word for word in used if f"`{word}`" not in REST + WIDGET} == set()


def test_every_setting_is_listed_and_nothing_else():
    text = (ROOT / "praxtalk/settings.py").read_text()
    read = set(re.findall(r'(?:env\.\w+|matching|networks|integer|sender)\(\s*"([A-Z_]+)"', text))
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", OPERATIONS, re.MULTILINE))
    assert read == listed
    assert len(read) < 40


def test_every_command_is_listed():
    commands = {path.stem for path in SOURCES if "commands" in path.parts and path.stem != "__init__"}
    assert len(commands) >= 8
    for command in commands:
        assert f"manage.py {command}" in OPERATIONS, command


def test_linked_files_and_pictures_exist():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_run_and_make_test_are_in_the_readme():
    makefile = (ROOT / "Makefile").read_text()
    for word in ("run", "test"):
        assert f"make {word}" in README
        assert re.search(rf"^{word}:", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci/run").read_text()


def test_every_action_of_the_audit_log_is_listed():
    listed = dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+) \|$", DASHBOARD, re.MULTILINE))
    assert listed == dict(Action.choices)


def test_every_section_of_the_dashboard_is_listed():
    listed = set(re.findall(r"^\| `/app/([\w-]*)/?` \|", DASHBOARD, re.MULTILINE))
    places = {admin.url_prefix for admin in dashboard._registry.values()}
    assert listed >= places | {"", "integrations", "settings", "profile"}
