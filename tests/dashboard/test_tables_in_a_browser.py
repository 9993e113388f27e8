"""The buttons and links of a table's rows are on screen at the usual widths, however long the content is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.operator_tokens import issue_token
from brands.models import Brand
from integrations.actions.api_keys import create_key
from integrations.models import Delivery, WebhookSubscription

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

# Of each control in the last cell of a row: its words where it is not what is seen in its place.
OUT_OF_VIEW = """() => [...document.querySelectorAll("tbody tr td:last-child :is(button, a, [type=submit])")]
  .filter((control) => {
    const box = control.getBoundingClientRect();
    control.scrollIntoView({block: "center", inline: "nearest", container: "nearest"});
    const {left, right, top, bottom} = control.getBoundingClientRect();
    const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return box.left < 0 || box.right > document.documentElement.clientWidth || !control.contains(seen);
  })
  .map((control) => control.textContent)"""


@pytest.fixture
def long_rows(cast, hooks):
    """One row of each table, as long as the fields allow."""
    Brand.objects.filter(pk=cast.north.pk).update(name=("North and everything beyond it " * 4)[:100].strip())
    cast.alice.name = "Alice Wilhelmina von und zu Hohenlohe-Waldenburg-Schillingsfürst the Younger"
    cast.alice.save()
    cidrs = [f"2001:db8:{number:x}::/48" for number in range(6)]
    create_key(
        cast.acme,
        name="Customer relations " * 5,
        scope="write",
        brand=cast.north,
        allowed_cidrs=cidrs,
        expires_at=timezone.now() + timedelta(days=90),
    )
    url = "https://receiver.customer-relations.example/webhooks/" + "praxtalk/" * 12
    WebhookSubscription.objects.filter(pk=hooks.north.pk).update(url=url, description="Everything " * 18)
    Delivery.objects.filter(pk=hooks.north_delivery.pk).update(status="failed", attempts_made=6)
    hooks.north_delivery.attempts.create(
        workspace=cast.acme, number=1, outcome="failed", duration_ms=29_871, error="The connection was closed " * 8
    )
    issue_token(cast.alice)


@pytest.mark.parametrize("width", [1440, 1280, 1024])
def test_controls_of_rows_are_on_screen(alice, server, long_rows, width):
    alice.set_viewport_size({"width": width, "height": 900})
    for path, words in (
        ("/app/integrations/events/", "Retry now"),
        ("/app/integrations/keys/", "Revoke"),
        ("/app/integrations/sdk/", "Revoke"),
    ):
        alice.goto(server.url + path)
        assert alice.locator("tbody td:last-child", has_text=words).count() >= 1, path
        assert alice.evaluate(OUT_OF_VIEW) == [], path
        assert alice.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("width", [1440, 1280, 1024])
def test_first_links_of_lists_are_on_screen(alice, server, talks, long_rows, width):
    alice.set_viewport_size({"width": width, "height": 900})
    for path in ("webhooks/../webhooks/", "../team/", "../leads/", "../visitors/", "../canned-replies/", "../tags/"):
        alice.goto(f"{server.url}/app/integrations/{path}")
        boxes = alice.locator("tbody th a").evaluate_all(
            "links => links.map((link) => link.getBoundingClientRect().right)"
        )
        assert all(right <= width for right in boxes), (path, boxes)
