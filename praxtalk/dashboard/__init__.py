"""Django admin as /app; knows no app."""
