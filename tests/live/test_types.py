"""The TypeScript in the docs compiles, strictly, against the newest client's types."""

import re
import subprocess

import pytest

from tests.live.conftest import CLIENTS, MODULES, need_node
from tests.servers import PROJECT

DOCS = PROJECT / "docs/agent-sdk.md"
OPTIONS = "--noEmit --strict --target es2022 --module esnext --moduleResolution bundler --jsx react-jsx --skipLibCheck"
PROSE = "declare function renderInbox(rows: unknown): void;\n"  # what the snippets call and the reader has


@pytest.fixture
def complaints(tmp_path):
    """complaints([(language, source), ...]) -> what the compiler says; each is a module of its own."""
    need_node()

    def compiled(snippets):
        (tmp_path / "node_modules").symlink_to(MODULES)
        (tmp_path / "prose.d.ts").write_text(PROSE)
        names = [f"snippet{n}.{language}" for n, (language, _) in enumerate(snippets)]
        for name, (_, source) in zip(names, snippets, strict=True):
            (tmp_path / name).write_text(source + "\nexport {};\n")
        command = [MODULES / ".bin/tsc", *OPTIONS.split(), "prose.d.ts", *names]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (run.returncode == 0) == (run.stdout == "")
        return run.stdout

    return compiled


def fences(text):
    """The ```ts and ```tsx blocks: (language, source)."""
    return re.findall(r"^```(tsx?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_docs_snippets_compile(complaints):
    if not DOCS.exists():
        pytest.skip("no docs/agent-sdk.md yet")
    snippets = fences(DOCS.read_text())
    assert snippets
    assert complaints(snippets) == ""


def test_the_types_take_any_api_and_refuse_a_string(complaints):
    """Which is why the docs show anyApi, and how the test above would notice what does not compile."""
    seed = (CLIENTS / "seed_snippet.ts").read_text()
    by_any_api = seed.replace('"conversations:listInbox"', "anyApi.conversations.listInbox")
    said = complaints([("ts", seed), ("ts", 'import { anyApi } from "convex/server";\n' + by_any_api)])
    assert re.findall(r"^(snippet\d.ts).*error (TS\d+)", said, re.MULTILINE) == [("snippet0.ts", "TS2345")]
