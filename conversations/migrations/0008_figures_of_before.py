from django.db import migrations

FIRST_REPLIES = """
UPDATE conversations_conversation AS conversation
SET first_reply_at = reply.created_at, first_reply_by_id = reply.author_id
FROM (
    SELECT DISTINCT ON (conversation_id) conversation_id, created_at, author_id FROM conversations_message
    WHERE role <> 'visitor' ORDER BY conversation_id, position
) AS reply
WHERE reply.conversation_id = conversation.id
"""
RESOLUTIONS = """
UPDATE conversations_conversation SET resolved_at = updated_at WHERE status IN ('resolved', 'closed')
"""


class Migration(migrations.Migration):
    """Of conversations from before: when they were first answered, and, as well as it is known, resolved."""

    dependencies = [("conversations", "0007_figures")]

    operations = [
        migrations.RunSQL(FIRST_REPLIES, migrations.RunSQL.noop),
        migrations.RunSQL(RESOLUTIONS, migrations.RunSQL.noop),
    ]
