"""The architecture is as docs/architecture.md says, and the files and definitions that it names exist."""

import re
import tokenize
import tomllib

import grimp
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
    assert re.search(rf"^\s*(?:async def|def|class) {name}\b|^{name} =", (PROJECT / path).read_text(), re.MULTILINE)


def test_every_app_is_described():
    from django.conf import settings

    apps = [name for name in settings.INSTALLED_APPS if (PROJECT / name.replace(".", "/")).is_dir()]
    assert [name for name in apps if f"`{name.replace('.', '/')}/`" not in PAGE] == []


APP_NAMES = re.compile(
    r"\b(accounts|brands|integrations|conversations|leads|widget|reports|data_requests)([./_:]\w|'s\b)"
)


TEXTS = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", None)}  # the last since Python 3.12


def test_core_names_no_app_in_strings_or_comments():
    """import-linter checks the imports."""
    named = []
    for path in sorted((PROJECT / "praxtalk/core").rglob("*.py")):
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type in TEXTS and APP_NAMES.search(token.string):
                    named.append(f"{path.relative_to(PROJECT)}:{token.start[0]}: {token.string}")
    assert named == []


def test_modules_have_no_import_cycle():
    packages = sorted(
        path.parent.name for path in PROJECT.glob("*/__init__.py") if path.parent.name not in ("tests", "bench")
    )
    graph = grimp.build_graph(*packages, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    in_cycle = {module for module in imported if any(graph.chain_exists(other, module) for other in imported[module])}
    assert in_cycle == set()


def test_every_package_has_a_layer():
    """The contracts of import-linter cover packages that are added later too."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layered = set(re.findall(r"[\w.]+", " ".join(settings["contracts"][0]["layers"])))
    packages = {path.parent.name for path in PROJECT.glob("*/__init__.py")} - {"tests", "bench"}
    modules = {f"praxtalk.{path.stem}" for path in (PROJECT / "praxtalk").glob("*.py")} - {"praxtalk.__init__"}
    modules |= {f"praxtalk.{path.parent.name}" for path in (PROJECT / "praxtalk").glob("*/__init__.py")}
    assert layered == packages - {"praxtalk"} | modules
    assert set(settings["root_packages"]) == packages
    assert not any("ignore_imports" in contract for contract in settings["contracts"])


def test_every_module_but_core_http_is_forbidden_to_send_requests():
    """The modules outside praxtalk.core are those of the layers."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layered = set(re.findall(r"[\w.]+", " ".join(settings["contracts"][0]["layers"])))
    core = {f"praxtalk.core.{path.stem}" for path in (PROJECT / "praxtalk/core").glob("*.py")} - {
        "praxtalk.core.__init__"
    }
    core |= {f"praxtalk.core.{path.parent.name}" for path in (PROJECT / "praxtalk/core").glob("*/__init__.py")}
    assert set(settings["contracts"][2]["source_modules"]) == layered - {"praxtalk.core"} | core - {
        "praxtalk.core.http"
    }
