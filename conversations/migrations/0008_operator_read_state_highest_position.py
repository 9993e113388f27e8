from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0007_conversation_waiting_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="operatorreadstate",
            name="highest_position",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
