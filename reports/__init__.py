"""How a workspace does: the overview."""
