"""Everything a service may refuse, each with a sentence for the person and an HTTP status.

A rule that can be broken has its own subclass, so that a view can catch exactly what it can show at a field.
Whatever is not caught there is shown by the one handler in ``core.web``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


class DomainError(Exception):
    """A refusal the person can do something about. ``message`` is a translated sentence."""

    status = 409

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidValue(DomainError):
    """A typed value is not what it should be; shown at its field.

    ``field`` names it where one function takes several values, so that a form need not guess.
    """

    status = 422

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@contextmanager
def told_at(field: str) -> Iterator[None]:
    """Let what is refused inside be told at ``field``."""
    try:
        yield
    except InvalidValue as error:
        error.field = error.field or field
        raise


class NotFound(DomainError):
    """Absent, or outside the actor's scope: the two are never told apart."""

    status = 404


class NotAllowed(DomainError):
    """The actor's role may not do this."""

    status = 403


class WrongState(DomainError):
    """The thing has moved on since the page was drawn."""


class Busy(DomainError):
    """Too many want the same thing at this moment; trying again in seconds helps."""

    status = 503
    retry_after_seconds = 5


class TooMany(DomainError):
    """A rate limit was reached."""

    status = 429

    def __init__(self, message: str, retry_after_seconds: int = 60) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class RowProblem:
    """One cell of an uploaded sheet that cannot be taken: row as Excel counts, column head, reason."""

    row: int
    column: str
    reason: str


class BadRows(DomainError):
    """An uploaded sheet was refused as a whole; ``problems`` says where and why."""

    status = 422

    def __init__(self, message: str, problems: Sequence[RowProblem]) -> None:
        super().__init__(message)
        self.problems = list(problems)
