"""Every page in a real Chromium, at desktop and phone width: no policy violation and no accessibility issue found by axe."""

import ipaddress
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.utils import timezone

from brands.models import Brand
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import Message, Visitor
from integrations.actions.api_keys import create_key
from integrations.models import Delivery, EventName, WebhookSubscription
from leads.models import Lead
from tests.live.conftest import MODULES, need_node
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]

HOSTILE = "<img src=x onerror='window.ran=1'><script>window.ran=1</script>\"'>{{ 7*7 }}"


def violations(page):
    page.evaluate((MODULES / "axe-core/axe.min.js").read_text())
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert found["passes"]
    return [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found["violations"]]


@pytest.fixture
def page_paths(tenants, conversations, webhooks):
    """Create rows for every page, and return the paths of the pages.

    Every field that a visitor or a foreign server fills contains hostile text.
    """
    Visitor.objects.filter(brand=tenants.north).update(
        name=HOSTILE[:200], phone=HOSTILE[:40], page="https://x.example/?" + HOSTILE
    )
    Message.objects.filter(role="visitor").update(body=HOSTILE)
    Lead.objects.filter(brand=tenants.north).update(name=HOSTILE[:200], notes=HOSTILE, phone=HOSTILE[:40])
    create_canned_reply(tenants.acme.pk, shortcut="hello", body=HOSTILE)
    key, _ = create_key(tenants.acme, name=HOSTILE[:100], scope="read")
    Brand.objects.filter(pk=tenants.north.pk).update(name="North & <b>South</b>")
    attempt = webhooks.north_delivery.attempts.create(
        workspace=tenants.acme,
        number=1,
        outcome="failed",
        status_code=500,
        duration_ms=12,
        response_body=HOSTILE,
        error=HOSTILE[:300],
    )
    assert attempt
    visitor, lead = Visitor.objects.get(brand=tenants.north), Lead.objects.filter(brand=tenants.north).first()
    return [
        *("/app/", "/app/?days=7", "/app/leads/", f"/app/leads/{lead.pk}/change/", "/app/leads/add/", "/app/visitors/"),
        *(f"/app/visitors/{visitor.pk}/change/", f"/app/visitors/{visitor.pk}/erase/"),
        *("/app/canned-replies/", "/app/canned-replies/add/", "/app/brands/", "/app/brands/add/"),
        *(f"/app/brands/{tenants.north.pk}/change/", f"/app/brands/{tenants.north.pk}/texts/?language=ar"),
        *(f"/app/brands/{tenants.north.pk}/check/", f"/app/brands/{tenants.north.pk}/identity-secret/"),
        *("/app/integrations/keys/", f"/app/integrations/keys/{key.pk}/revoke/", "/app/integrations/webhooks/"),
        *(
            f"/app/integrations/webhooks/{webhooks.north.pk}/",
            f"/app/integrations/webhooks/{webhooks.north.pk}/secret/",
        ),
        *("/app/integrations/events/", f"/app/integrations/events/{webhooks.north_delivery.pk}/"),
        *(f"/app/integrations/replays/{webhooks.north_replay.pk}/", "/app/integrations/sdk/"),
        *("/app/team/", "/app/team/add/", f"/app/team/{tenants.bob.pk}/change/", "/app/audit-log/", "/app/settings/"),
        "/app/settings/email/",
        *("/app/profile/", "/app/profile/two-factor/on/", "/app/password_change/"),
    ]


# Return the visible controls that have Django's or the browser's own style.
UNSTYLED = """() => [...document.querySelectorAll("button, input, select, textarea, .button")]
  .filter((control) => control.checkVisibility() && !control.matches("[type=checkbox], [type=radio], [type=file], [type=color]"))
  .filter((control) => {
    const { borderRadius, fontFamily } = getComputedStyle(control);
    return !["8px", "999px", "0px"].includes(borderRadius.split(" ")[0]) || !fontFamily.startsWith("Inter");
  })
  .map((control) => control.outerHTML.slice(0, 120))"""
WIDTHS = (1440, 1024, 390)


def problems_at(page, scheme, width, *, with_axe):
    """Return what is wrong with the page in this colour scheme and at this width."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    problems = violations(page) if with_axe else []
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        problems.append("wider than the screen")
    return [(scheme, width, problem) for problem in problems + page.evaluate(UNSTYLED)]


@pytest.mark.parametrize(
    "with_axe",
    [
        [("light", 1440)],
        pytest.param([("light", 1024), ("light", 390), *(("dark", width) for width in WIDTHS)], marks=pytest.mark.slow),
    ],
    ids=["one", "all"],
)
def test_every_page_is_accessible_fits_the_screen_and_runs_no_injected_script(alice_page, server, page_paths, with_axe):
    """No CSP report, no error, no axe violation, no horizontal scrolling, no control in the browser's own style, and no hostile
    text is run as a script: in both colour schemes, on wide and narrow screens.
    """
    need_node()
    found = {}
    for path in page_paths:
        response = alice_page.goto(server.url + path)
        problems = [response.status] if response.status != 200 else []
        alice_page.wait_for_load_state("networkidle")  # CSP reports and errors may come after the page has loaded
        problems += alice_page.problems
        for scheme in ("light", "dark"):
            for width in WIDTHS:
                problems += problems_at(alice_page, scheme, width, with_axe=(scheme, width) in with_axe)
        alice_page.problems.clear()  # axe itself tries inline styles, which the policy blocks
        if alice_page.evaluate("window.ran"):
            problems.append("a stranger's text was run")
        if problems:
            found[path] = problems
    assert found == {}, json.dumps(found, indent=1)


def test_the_keyboard_can_skip_to_the_content(alice_page, server, tenants):
    alice_page.goto(f"{server.url}/app/leads/")
    alice_page.keyboard.press("Tab")
    assert alice_page.evaluate("document.activeElement.className") == "skip-link"
    alice_page.keyboard.press("Enter")
    assert alice_page.evaluate("location.hash") == "#content"


def run_dispatcher_once():
    """Deliver what is due, in another thread, because Playwright leaves an event loop running in this one."""

    def run():
        try:
            deliver_due()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(run).result()


def text_of_code_block(page, start):
    return page.locator("pre", has_text=start).first.text_content()


def test_a_new_owner_can_set_up_a_brand_a_key_and_a_verified_webhook(alice_page, server, tenants, settings, tmp_path):
    """Follow the steps of the overview: brand, snippet, key, webhook, test event, a failing receiver, Retry now."""
    page = alice_page
    page.goto(f"{server.url}/app/brands/add/")
    page.fill("#id_name", "East")
    page.click("button[name=_save]")
    brand = Brand.objects.get(name="East")
    page.goto(f"{server.url}/app/brands/")
    snippet = text_of_code_block(page, brand.widget_id)
    assert snippet == f'<script src="{server.url}/widget.js" data-widget-id="{brand.widget_id}" defer></script>'

    page.goto(f"{server.url}/app/integrations/")
    assert text_of_code_block(page, server.url) == server.url
    page.fill("#id_name", "CRM")
    page.check("#id_scope_1")
    page.click("text=Create key")
    secret = text_of_code_block(page, "ptk_live_")
    command = text_of_code_block(page, "curl")
    response = subprocess.run(["sh", "-c", f"{command} -s"], capture_output=True, text=True, check=True).stdout
    assert json.loads(response) == {"ok": True, "workspaceId": str(tenants.acme.pk)}
    page.reload()
    page.goto(f"{server.url}/app/integrations/keys/")
    assert secret not in page.content()

    with receiver() as inbox:
        page.goto(f"{server.url}/app/integrations/webhooks/")
        page.fill("#id_url", inbox.url)
        page.check("text=lead.created")
        page.click("text=Create webhook")
        page.locator("pre", has_text="whsec_").wait_for()
        page.click(".page td ~ th a, .page th a")
        page.click("text=Send test event")
        page.get_by_text("The test event was delivered").wait_for()
    webhook = WebhookSubscription.objects.get()
    assert webhook.verified_at is not None

    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]
    with receiver(status=500) as broken:
        WebhookSubscription.objects.update(url=broken.url)
        page.goto(f"{server.url}/app/leads/add/")
        page.fill("#id_name", "Maya")
        page.click("button[name=_save]")
        page.wait_for_url("**/app/leads/")
        delivery = Delivery.objects.get()
        page.goto(f"{server.url}/app/integrations/events/")
        for _ in range(6):
            Delivery.objects.update(next_attempt_at=timezone.now())
            run_dispatcher_once()
        page.get_by_text("6/6").wait_for(timeout=20_000)  # the page updates itself
        page.get_by_text("Failed", exact=True).last.wait_for()
        page.goto(f"{server.url}/app/integrations/events/{delivery.pk}/")
        assert page.locator("#delivery details").count() == 6
        page.get_by_text("failed, 500").first.wait_for()
    with receiver() as repaired:
        WebhookSubscription.objects.update(url=repaired.url)
        page.click("text=Retry now")
        page.get_by_text("The delivery is being retried.").wait_for()
        run_dispatcher_once()
        page.get_by_text("Succeeded", exact=True).wait_for(timeout=20_000)
        assert repaired.requests[0].headers["X-PraxTalk-Event"] == EventName.LEAD_CREATED
    assert [problem for problem in page.problems if "Failed to load resource" not in problem] == []
    assert urlsplit(page.url).path == f"/app/integrations/events/{delivery.pk}/"
    assert re.search(r"7\. .*succeeded", page.locator("#delivery details").first.text_content())


def test_the_workspace_export_downloads_and_the_page_shows_its_progress(alice_page, server, tenants, conversations):
    alice_page.goto(f"{server.url}/app/settings/")
    with alice_page.expect_download() as download:
        alice_page.click("#export")
    document = json.loads(download.value.path().read_text())
    assert document["workspace"]["name"] == "Acme"
    assert len(document["conversations"]) == 2
    alice_page.get_by_text("Done.").wait_for(timeout=20_000)
    assert alice_page.problems == []
