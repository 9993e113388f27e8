"""Copies and erasure of what is stored: of a visitor, and of a whole workspace."""
