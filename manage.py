#!/usr/bin/env python3
"""Django's command line, with a private PostgreSQL and Valkey where the environment names none."""

import os
import sys

from praxtalk import embedded


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")
    with embedded.services():
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line

        try:
            execute_from_command_line(sys.argv)
        except ImproperlyConfigured as error:
            sys.exit(f"{error}.")


if __name__ == "__main__":
    main()
