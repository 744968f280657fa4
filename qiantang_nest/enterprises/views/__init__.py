"""Pages of ``enterprises``: the employer's own, and those of the offices."""

from qiantang_nest.enterprises.views import commute, offices, own, workers
from qiantang_nest.enterprises.views.base import blueprint

__all__ = ["blueprint", "commute", "offices", "own", "workers"]
