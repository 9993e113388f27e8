"""Webhook delivery: from recording an event to the receiver's 2xx response."""
