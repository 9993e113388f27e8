from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0009_message_sent_for_operator"),
    ]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="is_loss",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="notification",
            name="assigned_to",
            field=models.CharField(db_default="", default="", max_length=200),
        ),
    ]
