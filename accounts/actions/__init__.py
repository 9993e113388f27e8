"""Actions that change workspaces and operators."""
