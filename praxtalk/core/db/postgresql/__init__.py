"""Django's PostgreSQL backend, changed so that server threads do not pile up while the database is unavailable."""
