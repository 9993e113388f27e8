"""The promise of docs/reliability.md, tried: 5,000 events while workers are killed and Valkey is flushed, frozen and stopped."""

import sys
from pathlib import Path

import pytest

from bench.faults import report, run
from tests.servers import database_url

EVENTS = 5_000
KILLS = 10
SEED = 20_251

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


def test_every_event_arrives_or_is_shown_as_failed_whatever_dies(tmp_path: Path):
    evidence = run.run(
        run.SHORT, database_url=database_url(), folder=tmp_path / "run", seed=SEED, say=lambda line: None
    )
    verdicts = report.judge(evidence)
    text = report.text(evidence, verdicts)
    print(text, file=sys.stderr)  # shown if anything below fails
    assert [verdict.name for verdict in verdicts if verdict.problems] == [], text
    assert len(evidence.events) >= EVENTS
    assert len(evidence.undone) >= EVENTS / 20
    assert evidence.killed["webhooks"] >= KILLS
    accidents = ("FLUSHALL", "Valkey frozen", "Valkey stopped", "worker frozen", "beat killed", "receiver gone")
    assert [name for name in accidents if not evidence.done[name]] == []
