"""Actions that change API keys, webhook subscriptions and replays."""
