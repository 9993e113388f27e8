"""The architecture is as docs/architecture.md says, and the files and definitions that it names exist."""

import re
import tokenize

import pytest

from tests.servers import PROJECT

PAGE = (PROJECT / "docs/architecture.md").read_text()
PATHS = sorted(set(re.findall(r"`((?:[\w-]+/)+(?:[\w-]+\.\w+)?|[\w-]+\.(?:py|toml))`", PAGE)))
NAMED = sorted(set(re.findall(r"`(\w+)`\s+(?:in|with [\w ]+\()\s*`?\s*`?([\w/-]+\.(?:py|js))`", PAGE)))
APP_MODULES = {"models/", "models.py", "actions/", "actions.py", "api/", "api.py", "live/", "live.py", "dashboard/"}
APP_MODULES |= {"dashboard.py", "serializers.py", "tasks.py", "management/commands/"}


@pytest.mark.parametrize("path", [path for path in PATHS if path not in APP_MODULES])
def test_path_named_in_the_page_exists(path):
    assert (PROJECT / path).exists()


def test_page_names_many_paths_and_definitions():
    assert len(PATHS) > 40
    assert len(NAMED) > 9


@pytest.mark.parametrize(("name", "path"), NAMED)
def test_definition_is_in_the_named_file(name, path):
    assert re.search(rf"^\s*(?:async def|def|class) {name}\b", (PROJECT / path).read_text(), re.MULTILINE)


def test_every_app_is_described():
    from django.conf import settings

    apps = [name for name in settings.INSTALLED_APPS if (PROJECT / name.replace(".", "/")).is_dir()]
    assert [name for name in apps if f"`{name.replace('.', '/')}/`" not in PAGE] == []


APP_NAMES = re.compile(r"\b(accounts|brands|integrations|conversations|leads|widget|reports|data_requests)[./_]\w")


def test_core_names_no_app_in_strings_or_comments():
    """import-linter checks the imports."""
    named = []
    for path in sorted((PROJECT / "praxtalk/core").rglob("*.py")):
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type in (tokenize.STRING, tokenize.COMMENT) and APP_NAMES.search(token.string):
                    named.append(f"{path.relative_to(PROJECT)}:{token.start[0]}: {token.string}")
    assert named == []
