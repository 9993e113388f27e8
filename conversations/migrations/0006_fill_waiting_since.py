from django.db import migrations, transaction

BATCH = 1000
# A batch of conversations that may wait, in the order of their ids. They are locked, so that no message arrives in between.
NEXT_BATCH = """
    SELECT id FROM conversations_conversation
    WHERE id > %(after)s AND status IN ('open', 'snoozed') ORDER BY id LIMIT %(batch)s FOR NO KEY UPDATE
"""
FILL = """
    UPDATE conversations_conversation AS conversation SET waiting_since = unanswered.since
    FROM (
        SELECT message.conversation_id, min(message.created_at) AS since
        FROM conversations_message AS message
        WHERE message.conversation_id = ANY(%(ids)s) AND message.role = 'visitor' AND NOT EXISTS (
            SELECT FROM conversations_message AS reply
            WHERE reply.workspace_id = message.workspace_id AND reply.conversation_id = message.conversation_id
                AND reply.role <> 'visitor' AND reply.position > message.position
        )
        GROUP BY message.conversation_id
    ) AS unanswered
    WHERE conversation.id = unanswered.conversation_id AND conversation.waiting_since IS NULL
"""


def fill(apps, schema_editor):
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        with transaction.atomic(schema_editor.connection.alias), schema_editor.connection.cursor() as cursor:
            cursor.execute(NEXT_BATCH, {"after": after, "batch": BATCH})
            ids = [row[0] for row in cursor.fetchall()]
            if not ids:
                return
            cursor.execute(FILL, {"ids": ids})
        after = ids[-1]


class Migration(migrations.Migration):
    atomic = False  # each batch has its own transaction; a migration that was interrupted can run again

    dependencies = [
        ("conversations", "0005_conversation_waiting_since"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
