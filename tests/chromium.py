"""How Chromium is started for tests: headless, with the project's own Chinese font, without calling home."""

import os
from pathlib import Path
from xml.sax.saxutils import escape

from playwright.sync_api import Browser, Playwright

from tools.browser import find_browser

ROOT = Path(__file__).resolve().parent.parent
FONTS = ROOT / "static" / "vendor" / "fonts"

FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


def launch(playwright: Playwright, folder: Path) -> Browser:
    """`folder` takes the font settings; it must outlive the browser."""
    path = find_browser(playwright.chromium.executable_path)
    if path is None:
        raise RuntimeError("No Chromium here. «make test» installs one; «make check» goes without.")
    flags = list(FLAGS)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's sandbox refuses to work for root
    return playwright.chromium.launch(
        executable_path=path,
        args=flags,
        env={**os.environ, "FONTCONFIG_FILE": str(_font_settings(folder)), "LANG": "C.UTF-8"},
    )


def _font_settings(folder: Path) -> Path:
    """The same glyphs on every machine: our Noto Sans SC, and whatever else the machine has."""
    file = folder / "fonts.conf"
    file.write_text(
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>\n'
        f"<dir>{escape(str(FONTS))}</dir><cachedir>{escape(str(folder / 'font-cache'))}</cachedir>\n"
        '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>\n</fontconfig>\n',
        encoding="utf-8",
    )
    return file
