from django.db import migrations, models

# The trigger of 0001 with `waiting_since`, which the JSON of a conversation shows.
TRIGGER = """
CREATE OR REPLACE TRIGGER conversation_moves_updated_at BEFORE UPDATE ON conversations_conversation
FOR EACH ROW WHEN (
    NEW.updated_at = OLD.updated_at AND (
        NEW.status, NEW.channel, NEW.brand_id, NEW.visitor_id, NEW.assignee_id, NEW.preview, NEW.message_count,
        NEW.snoozed_until, NEW.last_message_at{more_new}
    ) IS DISTINCT FROM (
        OLD.status, OLD.channel, OLD.brand_id, OLD.visitor_id, OLD.assignee_id, OLD.preview, OLD.message_count,
        OLD.snoozed_until, OLD.last_message_at{more_old}
    )
)
EXECUTE FUNCTION move_updated_at();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0004_remove_search_vector"),
    ]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="waiting_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(
            TRIGGER.format(more_new=", NEW.waiting_since", more_old=", OLD.waiting_since"),
            TRIGGER.format(more_new="", more_old=""),
        ),
    ]
