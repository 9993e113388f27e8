"""The pages for contributors name files and definitions that exist, and the configuration of their tools names programs."""

import ast
import json
import re

import pytest
import yaml

from tests.servers import PROJECT

PAGES = ("CONTRIBUTING.md", "SECURITY.md", "docs/glossary.md", "docs/upgrading.md")
NOT_IN_THE_REPOSITORY = {"tests/live/node_modules"}  # by the first `make lint`
TEXTS = {page: (PROJECT / page).read_text() for page in PAGES}
# A path has a slash, or is a file of the project's root.
PATH = re.compile(r"`(\.?[\w.-]+(?:/[\w.-]+)+/?|[\w.-]+/|\.?[\w-]+\.(?:md|py|txt|json|yml|yaml|toml))`")
PATHS = sorted({(page, path) for page, text in TEXTS.items() for path in PATH.findall(text)})
NOT_PATHS = re.compile(r"api/v1|widget/v1|\.data/|\.venv|actions/|actions\.py")
TERMS = re.findall(r"^\| ([\w -]+) \| (.+) \| `([\w.]+)` in `([\w./]+)` \|$", TEXTS["docs/glossary.md"], re.MULTILINE)


@pytest.mark.parametrize(("page", "path"), [pair for pair in PATHS if not NOT_PATHS.match(pair[1])])
def test_each_path_exists(page, path):
    assert path in NOT_IN_THE_REPOSITORY or (PROJECT / path).exists(), f"{page} names {path}"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_links_lead_to_files_and_headings(page):
    for target, _, anchor in re.findall(r"\]\((?!https?:|#)([^)#]+)(#([^)]+))?\)", TEXTS[page]):
        assert (PROJECT / target).exists(), target
        headings = re.findall(r"^#+ (.+)$", (PROJECT / target).read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, f"{target}#{anchor}"


def defined_in(path):
    """The names of all classes, functions and variables of a Python module, or of the functions of a script."""
    source = (PROJECT / path).read_text()
    if path.endswith(".js"):
        return set(re.findall(r"^export (?:async )?(?:function|class|const) (\w+)", source, re.MULTILINE))
    nodes = list(ast.walk(ast.parse(source)))
    names = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}
    return names | {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def test_every_row_of_the_glossary_is_read():
    rows = [line for line in TEXTS["docs/glossary.md"].splitlines() if line.startswith("| ")]
    headers = [line for line in rows if line.startswith(("| term |", "| --- |"))]
    assert len(TERMS) == len(rows) - len(headers) > 70


@pytest.mark.parametrize(("term", "meaning", "name", "path"), TERMS, ids=[row[0] for row in TERMS])
def test_each_definition_is_where_the_glossary_says(term, meaning, name, path):
    assert name in defined_in(path)
    assert 20 < len(meaning) < 200


def test_each_definition_is_where_contributing_says():
    text = TEXTS["CONTRIBUTING.md"]
    named = re.findall(r"`(\w+)`(?: and `(\w+)`)? (?:in|of|from|\() ?`([\w/]+\.(?:py|js))`", text)
    assert len(named) > 8
    for *names, path in named:
        assert {name for name in names if name} <= defined_in(path), path


def test_no_term_is_explained_twice():
    terms = [row[0] for row in TERMS]
    assert sorted(set(terms)) == sorted(terms)


def test_every_make_target_that_contributing_names_exists():
    named = set(
        re.findall(
            r"\bmake ([a-z-]+)\b", "\n".join(re.findall(r"`[^`]+`|```.+?```", TEXTS["CONTRIBUTING.md"], re.DOTALL))
        )
    )
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets, named - targets


def test_hooks_run_the_tools_of_make_lint():
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())
    makefile = (
        (PROJECT / "Makefile")
        .read_text()
        .replace("$(BIN)", ".venv/bin")
        .replace("$(NODE)", "tests/live/node_modules/.bin")
    )
    for repository in config["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert f"{hook['entry'].split()[0]} " in makefile, hook["id"]


def test_the_workflow_runs_what_ci_runs():
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text())
    steps = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in steps
    assert workflow["permissions"] == {"contents": "read"}


def test_renovate_knows_every_requirements_file():
    config = json.loads((PROJECT / "renovate.json").read_text())
    pattern = re.compile(config["pip_requirements"]["managerFilePatterns"][0].strip("/"))
    files = {path.name for path in PROJECT.glob("requirements*.txt")}
    assert all(pattern.match(name) for name in files)
    named = {name for rule in config["packageRules"] for name in rule.get("matchFileNames", [])}
    assert files <= named
    assert all((PROJECT / name).exists() for name in named)


def test_issue_forms_have_what_github_requires():
    for path in (PROJECT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text())
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= set(form)
            ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
            assert len(ids) == len(set(ids))
