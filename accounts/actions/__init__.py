"""What changes about workspaces and operators."""
