"""The buttons and links of table rows are on screen at common widths, however long the content is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.actions.operator_tokens import issue_token
from brands.models import Brand
from integrations.actions.api_keys import create_key
from integrations.models import Delivery, WebhookSubscription

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

# Return the labels of the controls in the last cell of a row that are off screen or covered by another element.
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
def long_rows(tenants, webhooks):
    """Fill one row of each table with the longest values that its fields allow."""
    Brand.objects.filter(pk=tenants.north.pk).update(name=("North and everything beyond it " * 4)[:100].strip())
    tenants.alice.name = "Alice Wilhelmina von und zu Hohenlohe-Waldenburg-Schillingsfürst the Younger"
    tenants.alice.save()
    cidrs = [f"2001:db8:{number:x}::/48" for number in range(6)]
    create_key(
        tenants.acme,
        name="Customer relations " * 5,
        scope="write",
        brand=tenants.north,
        allowed_cidrs=cidrs,
        expires_at=timezone.now() + timedelta(days=90),
    )
    url = "https://receiver.customer-relations.example/webhooks/" + "praxtalk/" * 12
    WebhookSubscription.objects.filter(pk=webhooks.north.pk).update(url=url, description="Everything " * 18)
    Delivery.objects.filter(pk=webhooks.north_delivery.pk).update(status="failed", attempts_made=6)
    webhooks.north_delivery.attempts.create(
        workspace=tenants.acme, number=1, outcome="failed", duration_ms=29_871, error="The connection was closed " * 8
    )
    issue_token(tenants.alice)


WIDTHS = [pytest.param(1440, marks=pytest.mark.slow), pytest.param(1280, marks=pytest.mark.slow), 1024]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_buttons_of_table_rows_are_on_screen(alice_page, server, long_rows, width):
    alice_page.set_viewport_size({"width": width, "height": 900})
    for path, words in (
        ("/app/integrations/events/", "Retry now"),
        ("/app/integrations/keys/", "Revoke"),
        ("/app/integrations/sdk/", "Revoke"),
    ):
        alice_page.goto(server.url + path)
        assert alice_page.locator("tbody td:last-child", has_text=words).count() >= 1, path
        assert alice_page.evaluate(OUT_OF_VIEW) == [], path
        assert alice_page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_links_of_table_rows_are_on_screen(alice_page, server, conversations, long_rows, width):
    alice_page.set_viewport_size({"width": width, "height": 900})
    for path in ("webhooks/../webhooks/", "../team/", "../leads/", "../visitors/", "../canned-replies/", "../tags/"):
        alice_page.goto(f"{server.url}/app/integrations/{path}")
        boxes = alice_page.locator("tbody th a").evaluate_all(
            "links => links.map((link) => link.getBoundingClientRect().right)"
        )
        assert all(right <= width for right in boxes), (path, boxes)
