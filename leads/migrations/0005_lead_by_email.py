import django.db.models.functions.text
from django.db import migrations, models

from praxtalk.core.db.concurrent_indexes import RebuildIndexConcurrently


class Migration(migrations.Migration):
    atomic = False  # for CREATE INDEX CONCURRENTLY
    dependencies = [
        ("leads", "0004_remove_lead_words"),
    ]

    operations = [
        RebuildIndexConcurrently(
            model_name="lead",
            index=models.Index(
                models.F("workspace"),
                django.db.models.functions.text.Lower("email"),
                condition=models.Q(("email", ""), _negated=True),
                name="lead_by_email",
            ),
        ),
    ]
