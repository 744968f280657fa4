#!/bin/sh
# Print a Python of version 3.11 or newer that really runs (a pyenv shim may exist and not run).
wanted='import sys; sys.exit(sys.version_info < (3, 11))'
for name in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11 python3.14 python; do
    if "$name" -c "$wanted" >/dev/null 2>&1; then
        echo "$name"
        exit 0
    fi
done
echo "Python 3.11 or newer is needed and was not found on PATH." >&2
if python3 --version >/dev/null 2>&1; then
    echo "python3 here is $(python3 --version 2>&1)." >&2
fi
echo "Install it (Debian, Ubuntu: apt-get install python3 python3-venv), or name one: make run PYTHON=/path/to/python3.12" >&2
exit 1
