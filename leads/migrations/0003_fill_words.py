from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

from conversations.search import fill_words
from praxtalk.core.db.concurrent_indexes import RebuildIndexConcurrently


def fill_existing_rows(apps, schema_editor):
    """Fill the rows in batches, each in its own transaction. If the migration is interrupted, it goes on where it stopped."""
    for name in ['Lead']:
        while fill_words(apps.get_model('leads', name)):
            pass


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('leads', '0002_words'),
    ]

    operations = [
        RebuildIndexConcurrently(
            model_name='lead',
            index=models.Index(condition=models.Q(('words_digest', models.Func(models.F('name'), models.F('email'), models.F('phone'), models.F('notes'), arg_joiner=' || chr(10) || ', output_field=models.UUIDField(), template="md5('1' || chr(10) || %(expressions)s)::uuid")), _negated=True), fields=['id'], name='lead_stale_words'),
        ),
        migrations.RunPython(fill_existing_rows, migrations.RunPython.noop),
        RebuildIndexConcurrently(
            model_name='lead',
            index=GinIndex(fields=['words'], name='lead_by_words'),
        ),
    ]
