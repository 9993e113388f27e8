"""The overview: statistics of a workspace."""
