"""No page is half translated: every sentence of the code has its English, and every English one is said."""

import pytest

from tools.translations import ROOT, gaps

CATALOGUES = sorted((ROOT / "translations").glob("*/LC_MESSAGES/*.po"))


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_the_catalogue_says_what_the_code_says(catalogue):
    missing, unused = gaps(catalogue)
    assert not missing, "add these to the catalogue (python -m tools.translations missing)"
    assert not unused, "nobody says these any more: take them out of the catalogue"


def test_there_is_a_catalogue():
    assert CATALOGUES
