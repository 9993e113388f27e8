from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0008_operator_read_state_highest_position"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="message", name="message_author_or_api_key"),
    ]
