"""The periodic tasks that Celery beat sends, and how often."""

from datetime import timedelta

INTERVAL_SECONDS = {
    "integrations.tasks.dispatch_webhooks": 5,
    "integrations.tasks.probe_paused": 60,
    "integrations.tasks.notify_owners": 60,
    "integrations.tasks.purge": 600,
    "conversations.tasks.wake_snoozed": 10,
    "conversations.tasks.fill_words": 10,
    "conversations.tasks.unassign_unavailable": 60,
    "conversations.tasks.delete_orphaned_files": 600,
    "conversations.tasks.send_transcripts": 10,
    "conversations.tasks.send_notification_emails": 30,
    "widget.tasks.mail_replies": 30,
    "accounts.tasks.send_queued_emails": 5,
    "accounts.tasks.purge_operator_sessions": 600,
    "accounts.tasks.purge_mail_failures": 600,
    "accounts.tasks.purge_failed_attempts": 600,
    "praxtalk.core.api.tasks.purge_idempotency_records": 600,
    "praxtalk.core.live.tasks.purge_mutation_log": 600,
}
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": timedelta(seconds=seconds), "options": {"expires": max(seconds, 15)}}
    for task, seconds in INTERVAL_SECONDS.items()
}
