#!/usr/bin/env python3
"""Django's command line."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from praxtalk import devservices
from praxtalk.management.commands.devservices import Command as DevServices

WITHOUT_SETTINGS = ("help", "--help", "-h", "version", "--version")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")
    if sys.argv[1:2] == ["devservices"]:
        DevServices().run_from_argv(sys.argv)
        return
    devservices.attach()
    try:
        if not sys.argv[1:] or sys.argv[1] not in WITHOUT_SETTINGS:
            settings.SECRET_KEY  # noqa: B018 - some of Django's commands would run without settings
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"{error}.")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
