"""Make `.venv` and install the pinned packages of a requirements file, if something changed since last time.

Runs under the machine's own Python, before any package is there: standard library only.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main(requirements: str) -> int:
    with (ROOT / "requirements.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once
        if not works():
            problem = create()
            if problem:
                print(problem, file=sys.stderr)
                return 1
        return install(requirements)


def works() -> bool:
    """Whether `.venv` is whole: a Python that runs, is new enough and has pip."""
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def create() -> str | None:
    """Make `.venv` anew; None, or what went wrong and what to do."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(f"Making .venv with Python {sys.version.split()[0]}", flush=True)
    if VENV.is_dir() and not VENV.is_symlink():
        shutil.rmtree(VENV)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "venv", VENV],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        return f".venv cannot be made: {error}"
    if done.returncode == 0:
        return None
    said = (done.stdout + done.stderr).strip()
    shutil.rmtree(VENV, ignore_errors=True)
    if "ensurepip" in said or "No module named venv" in said:
        return (
            f"This Python ({sys.executable}) comes without the parts that make a virtual environment.\n"
            f"Install them (Debian, Ubuntu: apt-get install python{version}-venv), "
            "or name another Python: make run PYTHON=/path/to/python3.12"
        )
    return f".venv cannot be made:\n{said}"


def install(requirements: str) -> int:
    stamp = VENV / f"installed-{requirements}"
    wanted = fingerprint(requirements)
    if stamp.is_file() and stamp.read_text() == wanted:
        return 0
    print(f"Installing the packages of {requirements}; the first time takes a minute or two", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"]
    command += ["--retries", "5", "--requirement", requirements]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        print(
            f"The packages of {requirements} could not be installed (see above). "
            "Check the network or the pip settings of this machine, then run the same command again.",
            file=sys.stderr,
        )
        return 1
    stamp.write_text(wanted)
    return 0


def fingerprint(requirements: str) -> str:
    """Changes with the file, with the files it names by -r, and with the Python of `.venv`."""
    text = (ROOT / requirements).read_text(encoding="utf-8")
    parts = [str(PYTHON.resolve()), text]
    for line in text.splitlines():
        if line.startswith("-r "):
            parts.append((ROOT / line[3:].strip()).read_text(encoding="utf-8"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
