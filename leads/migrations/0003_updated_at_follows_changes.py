"""`updated_at` moves with everything that a lead's JSON shows: also where Django sets its conversation to null, which no action
of this app sees."""

from django.db import migrations

STAMP = """
CREATE TRIGGER lead_moves_updated_at BEFORE UPDATE ON leads_lead
FOR EACH ROW WHEN (
    NEW.updated_at = OLD.updated_at AND (
        NEW.name, NEW.email, NEW.phone, NEW.notes, NEW.status, NEW.brand_id, NEW.conversation_id
    ) IS DISTINCT FROM (
        OLD.name, OLD.email, OLD.phone, OLD.notes, OLD.status, OLD.brand_id, OLD.conversation_id
    )
)
EXECUTE FUNCTION move_updated_at();
"""


class Migration(migrations.Migration):
    dependencies = [
        ('conversations', '0017_updated_at_follows_changes'),
        ('leads', '0002_lead_words'),
    ]

    operations = [migrations.RunSQL(STAMP, "DROP TRIGGER lead_moves_updated_at ON leads_lead;")]
