"""`updated_at` moves with everything that a conversation's JSON shows, whoever changes it.

The actions stamp what they change. These triggers stamp what no action of this app sees: an assignee that Django sets to null,
an operator or a visitor with a new name. Without them a client that catches up with `updatedSince` would never be told.
"""

from django.db import migrations

STAMP = """
CREATE FUNCTION move_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := greatest(OLD.updated_at, clock_timestamp());
    RETURN NEW;
END $$;
CREATE TRIGGER conversation_moves_updated_at BEFORE UPDATE ON conversations_conversation
FOR EACH ROW WHEN (
    NEW.updated_at = OLD.updated_at AND (
        NEW.status, NEW.channel, NEW.brand_id, NEW.visitor_id, NEW.assignee_id, NEW.preview, NEW.message_count,
        NEW.snoozed_until, NEW.last_message_at
    ) IS DISTINCT FROM (
        OLD.status, OLD.channel, OLD.brand_id, OLD.visitor_id, OLD.assignee_id, OLD.preview, OLD.message_count,
        OLD.snoozed_until, OLD.last_message_at
    )
)
EXECUTE FUNCTION move_updated_at();

CREATE FUNCTION move_updated_at_of_assigned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE conversations_conversation SET updated_at = greatest(updated_at, clock_timestamp())
    WHERE workspace_id = NEW.workspace_id AND assignee_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER operator_moves_updated_at AFTER UPDATE OF name ON brands_operator
FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION move_updated_at_of_assigned();

CREATE FUNCTION move_updated_at_of_visitor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE conversations_conversation SET updated_at = greatest(updated_at, clock_timestamp())
    WHERE workspace_id = NEW.workspace_id AND visitor_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER visitor_moves_updated_at AFTER UPDATE OF name, email, phone ON conversations_visitor
FOR EACH ROW WHEN ((NEW.name, NEW.email, NEW.phone) IS DISTINCT FROM (OLD.name, OLD.email, OLD.phone))
EXECUTE FUNCTION move_updated_at_of_visitor();
"""
UNSTAMP = """
DROP TRIGGER visitor_moves_updated_at ON conversations_visitor;
DROP TRIGGER operator_moves_updated_at ON brands_operator;
DROP TRIGGER conversation_moves_updated_at ON conversations_conversation;
DROP FUNCTION move_updated_at_of_visitor();
DROP FUNCTION move_updated_at_of_assigned();
DROP FUNCTION move_updated_at();
"""


class Migration(migrations.Migration):
    dependencies = [
        ('brands', '0009_preferences'),
        ('conversations', '0016_tries_of_mail'),
    ]

    operations = [migrations.RunSQL(STAMP, UNSTAMP)]
