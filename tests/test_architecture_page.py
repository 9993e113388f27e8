"""docs/architecture.md names files and definitions: they exist where it says."""

import re

import pytest

from tests.servers import PROJECT

PAGE = (PROJECT / "docs/architecture.md").read_text()
PATHS = sorted(set(re.findall(r"`((?:[\w-]+/)+(?:[\w-]+\.\w+)?|[\w-]+\.(?:py|toml))`", PAGE)))
NAMED = sorted(set(re.findall(r"`(\w+)`\s+(?:in|with [\w ]+\()\s*`?\s*`?([\w/-]+\.(?:py|js))`", PAGE)))
ROOMS = {"models/", "models.py", "actions/", "actions.py", "api/", "api.py", "live/", "live.py", "dashboard/"}
ROOMS |= {"dashboard.py", "serializers.py", "tasks.py", "management/commands/"}


@pytest.mark.parametrize("path", [path for path in PATHS if path not in ROOMS])
def test_each_path_exists(path):
    assert (PROJECT / path).exists()


def test_the_page_names_enough():
    assert len(PATHS) > 40
    assert len(NAMED) > 9


@pytest.mark.parametrize(("name", "path"), NAMED)
def test_each_definition_is_where_the_page_says(name, path):
    assert re.search(rf"^\s*(?:async def|def|class) {name}\b", (PROJECT / path).read_text(), re.MULTILINE)


def test_each_app_has_a_line():
    from django.conf import settings

    apps = [name for name in settings.INSTALLED_APPS if (PROJECT / name.replace(".", "/")).is_dir()]
    assert [name for name in apps if f"`{name.replace('.', '/')}/`" not in PAGE] == []
