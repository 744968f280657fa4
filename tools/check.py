"""Every check in one order, the quick ones first; stops at the first that fails. pytest speaks last."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


def steps(*, browser: bool) -> list[tuple[str, list[str]]]:
    lint_imports = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    found = [
        ("format", [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."]),
        ("lint", [PYTHON, "-m", "ruff", "check", "--quiet", "."]),
        ("imports", [PYTHON, "-c", lint_imports]),
        ("types", [PYTHON, "-m", "mypy", "--no-error-summary"]),
    ]
    if (ROOT / "templates").is_dir():
        found.append(
            ("templates", [PYTHON, "-m", "djlint", "templates", "--lint", "--quiet", "--profile=jinja"])
        )
    return found


def tests(*, browser: bool) -> list[str]:
    command = [PYTHON, "-m", "pytest", "-n", str(workers())]
    return command if browser else [*command, "--ignore=tests/browser"]


def workers() -> int:
    """One a core, at least two (tests wait for the database too), at most four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return max(2, min(4, cores))


def main() -> int:
    browser = "--without-browser" not in sys.argv[1:]
    for name, command in steps(browser=browser):
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        print(
            f"{name:10} {'ok' if done.returncode == 0 else 'FAILED':6} {time.monotonic() - began:5.1f} s",
            flush=True,
        )
        if done.returncode:
            print(done.stdout, flush=True)
            return done.returncode
    return subprocess.run(tests(browser=browser), cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
