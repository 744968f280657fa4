"""Find Chromium for the browser tests, or install it: by apt where that may be done, else by playwright.

Prints nothing when a browser is there. The Chinese font of the pages comes with the project
(static/vendor/fonts), so none has to be installed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

APT_PACKAGES = ("chromium", "chromium-browser")
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
HOW_TO = """\
The browser tests need Chromium, and it could not be installed here. One of these helps:
  apt-get install chromium                            (Debian; as root)
  .venv/bin/python -m playwright install chromium     (needs the network)
  CHROMIUM=/path/to/chromium make test                (one that is there already)
Without a browser, «make check» runs everything else."""


def find_browser(fetched: str | None = None) -> str | None:
    """A Chromium that starts, or None. `fetched`: where playwright keeps its own, if that is known."""
    return next((path for path in candidates(fetched) if starts(path)), None)


def candidates(fetched: str | None) -> Iterator[str]:
    if os.environ.get("CHROMIUM"):
        yield os.environ["CHROMIUM"]
    for name in NAMES:
        found = shutil.which(name)
        if found:
            yield found
    if fetched is None:
        with sync_playwright() as playwright:
            fetched = playwright.chromium.executable_path
    yield fetched


def starts(path: str) -> bool:
    """Asked for its version: Ubuntu's package may be an empty shell around snap."""
    if not Path(path).exists():
        return False
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def install() -> bool:
    log: list[str] = []
    for attempt in (install_by_apt, install_by_playwright):
        if attempt(log) and find_browser():
            return True
    print("\n".join(log), file=sys.stderr)
    return False


def install_by_apt(log: list[str]) -> bool:
    if not shutil.which("apt-get"):
        return False
    as_root: list[str] = []
    if os.geteuid() != 0:
        as_root = ["sudo", "-n"]
        if not shutil.which("sudo") or not run([*as_root, "true"], log):
            return False
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    apt += ["-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120"]
    print("Installing Chromium with apt", flush=True)
    for refresh in (False, True):
        if refresh and not run([*apt, "update"], log):
            return False
        for package in APT_PACKAGES:
            if run([*apt, "install", "--no-install-recommends", package], log):
                return True
    return False


def install_by_playwright(log: list[str]) -> bool:
    print("Fetching Chromium with playwright", flush=True)
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    if os.geteuid() == 0:
        command.insert(-1, "--with-deps")
    return run(command, log)


def run(command: list[str], log: list[str]) -> bool:
    """Quiet when it works; what it said is kept for the case that nothing does."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.append(f"$ {' '.join(command)}\n{error}")
        return False
    log.append(f"$ {' '.join(command)}\n{(done.stdout + done.stderr).strip()[-2000:]}")
    return done.returncode == 0


def main() -> int:
    if find_browser() or install():
        return 0
    print(HOW_TO, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
