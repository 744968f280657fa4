"""Reads one Excel file in a process of its own: ``python -I workbook_child.py MAX_ROWS MAX_COLUMNS < file``.

A small file can make the parser ask for terabytes and abort its process (one cell in the last column of the
last row does). So the parser lives here, under limits, and the server only sees that the child died. Prints
one JSON object; imports nothing of the application.
"""

import json
import resource
import sys
from datetime import date, datetime, time, timedelta
from typing import Any

MEMORY_BYTES = 768 * 1024 * 1024
CPU_SECONDS = 30


def plain(value: Any) -> Any:
    """A cell as JSON: dates are tagged, everything else is itself."""
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    if isinstance(value, date):
        return {"on": value.isoformat()}
    if isinstance(value, time | timedelta):
        return str(value)
    return value


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import io  # noqa: PLC0415  after the limits, like the parser itself

    from python_calamine import CalamineWorkbook  # noqa: PLC0415

    most_rows, most_columns = int(sys.argv[1]), int(sys.argv[2])
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
    sheet = workbook.get_sheet_by_index(0)
    answer: dict[str, Any] = {"sheet": sheet.name}
    end = sheet.end or (0, 0)
    if end[0] >= most_rows or end[1] >= most_columns:
        answer["too_large"] = [end[0] + 1, end[1] + 1]
    else:
        answer["merged"] = [[list(corner) for corner in area] for area in sheet.merged_cell_ranges or []]
        answer["rows"] = [[plain(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    json.dump(answer, sys.stdout, ensure_ascii=False, allow_nan=False)


if __name__ == "__main__":
    main()
