"""manage.py bootstrap: database tables, and on the first run the demo workspace."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from praxtalk.demo import demo_file, demo_shop, make_demo

ONE_AT_A_TIME = 0x7072_6178  # any number that only this command locks


class Command(BaseCommand):
    help = "Bring the database up to date and, where it is empty, make the demo workspace. Later runs change nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Database ...")
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])  # until this connection ends
        except OperationalError as error:
            raise CommandError(f"The database of DATABASE_URL does not answer: {error}") from error
        call_command("migrate", verbosity=0)
        demo = make_demo()
        if demo is None:
            where = f" The demo's login and keys are in {demo_file()}." if demo_file().exists() else ""
            self.stdout.write(f"The database holds a workspace already; nothing is changed.{where}")
            return
        shop = demo_shop()
        shop_line = f"\n  Demo shop   {shop.url}" if shop else ""
        self.stdout.write(
            f"""
Demo workspace Acme
  Dashboard   {settings.BASE_URL}/app/   {demo["email"]} / {demo["password"]}
  API key     {demo["writeKey"]}   (write scope; not shown again)
  Live token  {demo["operatorToken"]}
              (Alice's, for 12 hours; then: manage.py create_operator_token {demo["email"]})
  Live demo   {settings.BASE_URL}/static/live/demo.html{shop_line}
  Base URL    {settings.BASE_URL}
  Reference   {settings.BASE_URL}/api/docs
  All of this is in {demo_file()}, readable by you only.

Once it is up, paste:
  curl -H "Authorization: Bearer {demo["writeKey"]}" "{settings.BASE_URL}/api/v1/conversations?status=open"
"""
        )
