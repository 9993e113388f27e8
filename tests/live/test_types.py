"""The TypeScript in the docs compiles in strict mode against the newest client's types."""

import re
import subprocess

import pytest

from tests.live.conftest import CLIENTS, MODULES, need_node
from tests.servers import PROJECT

DOCS = PROJECT / "docs/agent-sdk.md"
OPTIONS = "--noEmit --strict --target es2022 --module esnext --moduleResolution bundler --jsx react-jsx --skipLibCheck"
# a function that the snippets call and the reader provides
DECLARATIONS = "declare function renderInbox(rows: unknown): void;\n"


@pytest.fixture
def compiler_errors(tmp_path):
    """Return `compiler_errors([(language, source), ...])`, the output of the compiler. Each source is a separate module."""
    need_node()

    def compiled(snippets):
        (tmp_path / "node_modules").symlink_to(MODULES)
        (tmp_path / "prose.d.ts").write_text(DECLARATIONS)
        names = [f"snippet{n}.{language}" for n, (language, _) in enumerate(snippets)]
        for name, (_, source) in zip(names, snippets, strict=True):
            (tmp_path / name).write_text(source + "\nexport {};\n")
        command = [MODULES / ".bin/tsc", *OPTIONS.split(), "prose.d.ts", *names]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (run.returncode == 0) == (run.stdout == "")
        return run.stdout

    return compiled


def code_blocks(text):
    """Return the ```ts and ```tsx blocks as (language, source) pairs."""
    return re.findall(r"^```(tsx?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_snippets_of_the_docs_compile(compiler_errors):
    snippets = code_blocks(DOCS.read_text())
    assert snippets
    assert compiler_errors(snippets) == ""


def test_types_accept_any_api_and_reject_a_string(compiler_errors):
    """The types reject a function name as a string, so the docs use anyApi. This also proves that the test above
    detects errors."""
    seed = (CLIENTS / "seed_snippet.ts").read_text()
    by_any_api = seed.replace('"conversations:listInbox"', "anyApi.conversations.listInbox")
    errors = compiler_errors([("ts", seed), ("ts", 'import { anyApi } from "convex/server";\n' + by_any_api)])
    assert re.findall(r"^(snippet\d.ts).*error (TS\d+)", errors, re.MULTILINE) == [("snippet0.ts", "TS2345")]
