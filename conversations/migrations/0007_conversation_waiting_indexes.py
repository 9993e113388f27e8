from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # indexes are created concurrently

    dependencies = [
        ("conversations", "0006_fill_waiting_since"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                "workspace",
                "waiting_since",
                "id",
                condition=models.Q(waiting_since__isnull=False),
                name="conversation_waiting",
            ),
        ),
        AddIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                "workspace",
                "brand",
                "waiting_since",
                "id",
                condition=models.Q(waiting_since__isnull=False),
                name="conversation_waiting_by_brand",
            ),
        ),
    ]
