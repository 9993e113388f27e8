"""Live queries will live here; knows no app."""
