"""A mirror kept with the recipe of docs/rest.md equals the tables."""

import random
import re
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from conversations.actions import assign, set_status
from leads.actions import create_lead, update_lead
from praxtalk.core.db import sync_mark
from tests.conftest import make_conversation
from tests.rest.test_synced_at import LISTS, read_all_pages, reply
from tests.servers import PROJECT

pytestmark = pytest.mark.django_db(transaction=True)


DOCS = PROJECT / "docs/rest.md"


def test_a_mirror_equals_the_tables_after_many_slow_writers(tenants, api_client, monkeypatch):
    """Use the recipe of docs/rest.md.

    Transactions last up to eight times the safety margin, so the margin alone would lose rows.
    """
    recipe = {}
    exec(re.search(r"```python\n(def catch_up.*?)```", DOCS.read_text(), re.DOTALL)[1], recipe)
    monkeypatch.setattr(sync_mark, "MARGIN", timedelta(milliseconds=50))
    conversations = [assign(make_conversation(tenants.north), operator=tenants.alice) for _ in range(6)]
    leads = [create_lead(tenants.acme.pk, name=f"Lead {number}") for number in range(6)]
    errors = []

    def write(seed):
        chance = random.Random(seed)
        changes = (
            lambda: reply(chance.choice(conversations), f"{chance.random()}"),
            lambda: set_status(chance.choice(conversations), status=chance.choice(["open", "resolved"])),
            lambda: assign(chance.choice(conversations), operator=chance.choice([tenants.alice, tenants.bob, None])),
            lambda: make_conversation(tenants.south),
            lambda: create_lead(tenants.acme.pk, name=f"{chance.random()}"),
            lambda: update_lead(chance.choice(leads), notes=f"{chance.random()}"),
        )
        try:
            for _ in range(12):
                with transaction.atomic():
                    chance.choice(changes)()
                    time.sleep(chance.random() * 0.4)
                time.sleep(chance.random() * 0.05)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    mirrors, synced_at, readings = {name: {} for name in LISTS}, dict.fromkeys(LISTS, 0), 0
    writers = [threading.Thread(target=write, args=[seed]) for seed in range(5)]
    for writer in writers:
        writer.start()
    while True:
        is_last = not any(writer.is_alive() for writer in writers)
        for name, mirror in mirrors.items():
            get = lambda path, query: api_client.get(path, query | {"limit": 3}).json()  # noqa: E731 - more than one page
            synced_at[name] = recipe["catch_up"](get, name, mirror, synced_at[name])
        readings += 1
        if is_last:
            break
    assert not errors, errors
    assert readings > 10
    for name, mirror in mirrors.items():
        assert mirror == read_all_pages(api_client, name)[0]
