from django.db import migrations, models

from praxtalk.core.db.concurrent_indexes import RebuildIndexConcurrently


class Migration(migrations.Migration):
    atomic = False  # indexes are created concurrently

    dependencies = [
        ("conversations", "0006_fill_waiting_since"),
    ]

    operations = [
        RebuildIndexConcurrently(
            model_name="conversation",
            index=models.Index(
                "workspace",
                "waiting_since",
                "id",
                condition=models.Q(waiting_since__isnull=False),
                name="conversation_waiting",
            ),
        ),
        RebuildIndexConcurrently(
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
