"""What a home page says is to be done."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Todo:
    """One thing for one person, as ``todo_card`` draws it; ``by`` is its end in words."""

    title: str
    text: str
    url: str
    action: str
    by: str = ""


@dataclass(frozen=True)
class Task:
    """A kind of work of an office with how much of it waits; ``late`` is how much is past its day."""

    title: str
    count: int
    url: str
    text: str = ""
    late: str = ""
