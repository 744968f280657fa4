"""The message catalogues: compile those that changed (the compiled files are not kept), list what is missing.

python -m tools.translations            compile
python -m tools.translations missing    what the code says and no catalogue translates, and the reverse
"""

import os
import sys
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
METHODS = [("qiantang_nest/**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"**.html": {"extensions": "jinja2.ext.do"}}
KEYWORDS = {"_": None, "_l": None, "ngettext": (1, 2)}
NOT_FOR_PEOPLE = {"templates/style.html"}
"""The page of components, for developers only."""


def compile_catalogues(folder: Path = ROOT / "translations") -> list[Path]:
    """Write each `.mo` that is missing or older than its `.po`; safe for several processes at once."""
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as text:
            catalogue = read_po(text, locale=source.parent.parent.name)
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        with draft.open("wb") as out:
            write_mo(out, catalogue)
        draft.replace(target)
        written.append(target)
    return written


def said() -> dict[str, str]:
    """Each sentence of the code and the templates → where it stands first."""
    found: dict[str, str] = {}
    folders = {"qiantang_nest", "templates"}
    for file, line, message, _comments, _context in extract_from_dir(
        str(ROOT),
        METHODS,
        OPTIONS,
        KEYWORDS,
        directory_filter=lambda path: (
            folders & set(Path(path).relative_to(ROOT).parts) if path != str(ROOT) else True
        ),
    ):
        if file not in NOT_FOR_PEOPLE:
            found.setdefault(message if isinstance(message, str) else message[0], f"{file}:{line}")
    return found


def translated(source: Path) -> set[str]:
    """The sentences that a catalogue has a translation of."""
    with source.open("rb") as text:
        catalogue = read_po(text, locale=source.parent.parent.name)
    return {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue
        if message.id and message.string and not message.fuzzy
    }


def gaps(source: Path) -> tuple[dict[str, str], set[str]]:
    """What is said and not translated, with its place; and what is translated and said nowhere."""
    there, have = said(), translated(source)
    return {message: place for message, place in there.items() if message not in have}, have - there.keys()


def main(arguments: list[str]) -> int:
    if arguments != ["missing"]:
        compile_catalogues()
        return 0
    wrong = 0
    for source in sorted((ROOT / "translations").glob("*/LC_MESSAGES/*.po")):
        missing, unused = gaps(source)
        for message, place in missing.items():
            print(f"{place}: not translated: {message}")
        for message in sorted(unused):
            print(f"{source.relative_to(ROOT)}: said nowhere: {message}")
        wrong += len(missing) + len(unused)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
