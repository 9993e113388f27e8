"""manage.py bootstrap: apply the migrations and, on the first run, create the demo workspace."""

import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.loader import MigrationLoader

from accounts.models import Operator
from brands.setup_code import is_set_up, setup_url
from praxtalk import devservices
from praxtalk.demo import OWNER_EMAIL, create_demo, demo_file, demo_shop

LOCK_ID = 0x7072_6178  # an arbitrary key for an advisory lock that only this command uses


def is_older(loader: MigrationLoader) -> bool:
    """Return whether the database is older than the first release.

    It is if it has applied migrations that no longer exist, or that now depend on others that it has not applied.
    """
    own = {app for app, _ in loader.disk_migrations}
    if any(app in own and (app, name) not in loader.disk_migrations for app, name in loader.applied_migrations):
        return True
    try:
        loader.check_consistent_history(connection)
    except InconsistentMigrationHistory:
        return True
    return False


class Command(BaseCommand):
    help = (
        "Apply the migrations and, in an empty database, create the demo workspace. Running it again changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Database ...")
        self._move_older_database_aside()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_ID])  # held until this connection is closed
        except OperationalError as error:
            raise CommandError(f"Cannot connect to the database of DATABASE_URL: {error}") from error
        call_command("migrate", verbosity=0)
        self._create_demo()
        if not is_set_up():
            self.stdout.write(f"Set up your own workspace:\n  {setup_url()}\n")

    def _move_older_database_aside(self) -> None:
        """Rename a development database that is older than the first release, and create a new one.

        Migrations were squashed before the first release, so such a database cannot be migrated. Raises CommandError if the
        database does not belong to the development services.
        """
        try:
            loader = MigrationLoader(connection)
        except OperationalError as error:
            raise CommandError(f"Cannot connect to the database of DATABASE_URL: {error}") from error
        if not is_older(loader):
            return
        if not devservices.folder_in_use():
            raise CommandError("The database of DATABASE_URL is older than the first release. Create a new, empty one.")
        name = connection.settings_dict["NAME"]
        aside = f"{name}_{time.strftime('%Y%m%d_%H%M%S')}"
        connection.close()
        quote = connection.ops.quote_name
        try:
            with connection._nodb_cursor() as cursor:
                cursor.execute(f"ALTER DATABASE {quote(name)} RENAME TO {quote(aside)}")
                cursor.execute(f"CREATE DATABASE {quote(name)}")
        except OperationalError as error:
            raise CommandError(
                f"The older database is in use and cannot be renamed. Stop PraxTalk first. {error}"
            ) from error
        self.stdout.write(
            f"The database is older than the first release. It was renamed to {aside}, and a new one was created."
        )

    def _create_demo(self) -> None:
        demo = create_demo()
        if demo is None:
            if not Operator.objects.filter(email=OWNER_EMAIL).exists():
                demo_file().unlink(missing_ok=True)  # the demo has been deleted
            where = f" The demo's login and keys are in {demo_file()}." if demo_file().exists() else ""
            self.stdout.write(f"The database already contains a workspace; nothing was changed.{where}")
            return
        shop = demo_shop()
        shop_line = f"\n  Demo shop   {shop.url}" if shop else ""
        self.stdout.write(
            f"""
Demo workspace Acme
  Dashboard   {settings.BASE_URL}/app/   {demo["email"]} / {demo["password"]}
  API key     {demo["writeKey"]}   (write scope; not shown again)
  Live token  {demo["operatorToken"]}
              (Alice's, for 12 hours; then: manage.py create_operator_token {demo["email"]}){shop_line}
  Base URL    {settings.BASE_URL}
  Reference   {settings.BASE_URL}/api/docs
  All of this is in {demo_file()}, readable by you only.

Once it is up, paste:
  curl -H "Authorization: Bearer {demo["writeKey"]}" "{settings.BASE_URL}/api/v1/conversations?status=open"
"""
        )
