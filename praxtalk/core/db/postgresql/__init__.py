"""Django's PostgreSQL backend, for servers whose threads must not pile up in front of a database that is away."""
