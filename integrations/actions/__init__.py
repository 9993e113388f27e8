"""What changes about API keys, webhook subscriptions and replays."""
