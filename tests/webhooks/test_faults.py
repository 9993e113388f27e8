"""The promise of docs/reliability.md, tried: 5,000 events while workers are killed and Valkey is flushed, frozen and stopped."""

import sys
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from bench.faults import report, run, writers
from leads.actions import create_lead
from leads.models import Lead
from tests.servers import database_url

EVENTS = 5_000
KILLS = 10
SEED = 20_251

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


@pytest.mark.alone
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


class CutOff(writers.Writer):
    """A writer that loses its connection in the part that it is about to undo."""

    def _act(self, place, marker, **_):
        writers.told.entry.ids.append(str(create_lead(place["workspace"], name=marker).pk))
        if marker == "gone-":
            with psycopg.connect(database_url(), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])


def test_a_writer_cut_off_while_it_undoes_a_part_knows_that_all_is_gone(cast, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(writers, "SHARES", {"half": 1})
    writer = CutOff({}, "any", [], tmp_path / "journal")
    entry = writer._change({"workspace": cast.acme.pk}, is_rare=False)
    assert (entry.fate, entry.ids, len(entry.gone_ids)) == ("gone", [], 2)
    assert not Lead.objects.exists()
