"""Bring the database up to date: migrate as owner, load the places, fill an empty one with the demo district.

A process of its own, so that the owner's address never reaches the web processes. It answers with JSON on the
file descriptor it is given: the demo logins, if there are any, and whether there is a worker to start.
"""

import io
import json
import os
import sys
from contextlib import redirect_stdout

import flask_migrate
from flask import Flask
from flask.cli import ScriptInfo

from config import Config, ConfigError
from qiantang_nest.app import create_app


def main(demo_scale: str, answer_to: int) -> int:
    try:
        app = create_app(Config.from_env(os.environ))
    except ConfigError as error:
        print(f"Settings: {error}", file=sys.stderr)
        return 1
    with app.app_context():
        flask_migrate.upgrade()
    command(app, "load-places")
    if demo_scale != "0":
        command(app, "demo", "--scale", demo_scale, "--if-empty")
    logins = io.StringIO()
    with redirect_stdout(logins):
        command(app, "demo-logins")
    with os.fdopen(answer_to, "w", encoding="utf-8") as answer:
        json.dump({"logins": logins.getvalue(), "worker": "worker" in app.cli.commands}, answer)
    return 0


def command(app: Flask, *words: str) -> None:
    """Run one `flask` command in this process; starting Python for each would take longer than their work."""
    if words[0] in app.cli.commands:
        app.cli.main(
            list(words), prog_name="flask", standalone_mode=False, obj=ScriptInfo(create_app=lambda: app)
        )
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
