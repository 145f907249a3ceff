#!/usr/bin/env python
"""Command line of the marketplace; `python manage.py help` lists every command."""

import os
import sys

from core.secret_files import keep_to_owner


def main() -> None:
    keep_to_owner()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.dev")
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415 - gives the advice below
    except ImportError as error:
        raise SystemExit("没有找到 Django。请先运行 make install，再用 .venv/bin/python manage.py。") from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
