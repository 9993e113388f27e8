from django.db import migrations

# Names of visitors, and the filters of exports, in which a search for a person may stand. The ids of those visitors were not
# written down. The trigger that refuses changes is off for this transaction, under a lock that keeps writers out.
SCRUB = """
LOCK TABLE brands_auditentry IN ACCESS EXCLUSIVE MODE;
ALTER TABLE brands_auditentry DISABLE TRIGGER audit_entry_append_only;
UPDATE brands_auditentry SET subject = ''
    WHERE action = 'visitor.exported' AND subject !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
UPDATE brands_auditentry SET details = details - 'filters' WHERE action = 'lead.exported' AND details ? 'filters';
ALTER TABLE brands_auditentry ENABLE TRIGGER audit_entry_append_only;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('brands', '0010_failures_of_mail'),
    ]

    operations = [
        migrations.RunSQL(SCRUB, migrations.RunSQL.noop),
    ]
