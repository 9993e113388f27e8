"""Export and erasure of a visitor's data, and export of a whole workspace."""
