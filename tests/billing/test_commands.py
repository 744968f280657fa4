"""``flask bill-run`` and ``flask check-invariants``."""

from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from qiantang_nest.core.db import db
from qiantang_nest.core.invariants import read_checks
from tests import factories as make


def test_bill_run_says_what_it_did_and_does_it_once(fresh_app: Flask) -> None:
    with fresh_app.app_context():
        make.make_lease(
            make.make_enterprise(), [make.make_room()], date(2026, 10, 1), date(2027, 10, 1), deposit_fen=100
        )
        db.session.commit()
    run = fresh_app.test_cli_runner().invoke
    first = run(args=["bill-run", "--until", "2026-10-20"])
    assert first.exit_code == 0, first.output
    assert "河庄街道  2 bills, 2 lines, ¥601.00" in first.output
    again = run(args=["bill-run", "--until", "2026-10-20", "--village", make.VILLAGE])
    assert "Done: 0 bills, 0 lines, ¥0.00" in again.output
    assert "0 leases in 0 batches" in run(args=["bill-run", "--village", make.NEIGHBOUR_VILLAGE]).output


@pytest.mark.breaks_invariants("shows that the command finds it")
def test_check_invariants(fresh_app: Flask) -> None:
    runner = fresh_app.test_cli_runner()
    good = runner.invoke(args=["check-invariants"])
    assert good.exit_code == 0, good.output
    assert f"{len(read_checks())} checks, 0 broken" in good.output
    with fresh_app.app_context():
        lease = make.make_lease(make.make_enterprise(), [make.make_room()])
        db.session.execute(
            text(
                "INSERT INTO bill (number, lease_id, owner_id, enterprise_id, village_code, kind, seq,"
                " starts_on, ends_on, issued_on, due_on, amount_fen)"
                " VALUES ('ZD-202611-000001', :l, :o, :e, :v, 'rent', 1,"
                " '2026-11-23', '2026-12-23', '2026-11-23', '2026-11-30', 100)"
            ),
            {"l": lease.id, "o": lease.owner_id, "e": lease.enterprise_id, "v": lease.village_code},
        )
        db.session.commit()
    bad = runner.invoke(args=["check-invariants"])
    assert bad.exit_code == 1
    assert "BROKEN  L4 bill total equals its lines" in bad.output


def test_a_file_of_checks_is_refused_when_names_repeat(tmp_path: Path) -> None:
    file = tmp_path / "checks.sql"
    file.write_text("-- name: A\nSELECT 1;\n-- name: A\nSELECT 2;\n")
    with pytest.raises(ValueError, match="twice"):
        read_checks(file)
