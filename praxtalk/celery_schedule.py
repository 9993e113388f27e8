"""The periodic tasks that Celery beat sends, and how often."""

from datetime import timedelta

INTERVAL_SECONDS = {
    "integrations.tasks.pump": 5,
    "integrations.tasks.probe_paused": 60,
    "integrations.tasks.notify_owners": 60,
    "integrations.tasks.forget": 600,
    "conversations.tasks.wake_snoozed": 10,
    "conversations.tasks.forget_presence": 600,
    "conversations.tasks.delete_orphaned_files": 600,
    "conversations.tasks.send_transcripts": 10,
    "conversations.tasks.mail_mentions": 30,
    "widget.tasks.mail_replies": 30,
    "accounts.tasks.send_letters": 5,
    "accounts.tasks.forget_operator_sessions": 600,
    "accounts.tasks.forget_mail_failures": 600,
    "accounts.tasks.forget_attempts": 600,
    "praxtalk.core.api.tasks.forget_answers": 600,
    "praxtalk.core.live.tasks.forget_mutations": 600,
}
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": timedelta(seconds=seconds), "options": {"expires": max(seconds, 15)}}
    for task, seconds in INTERVAL_SECONDS.items()
}
