"""The outside: who carries an SMS."""

import logging
from typing import Protocol

log = logging.getLogger("qiantang_nest.sms")


class SmsRefused(Exception):
    """The carrier did not take the message; ``reason`` holds no personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SmsGateway(Protocol):
    """Sends one message. ``key`` is the same at each attempt, so that a carrier can drop a repetition."""

    def send(self, *, key: str, to: str, body: str) -> None:
        """Raises SmsRefused, or any other exception when the carrier cannot be reached."""
        ...


class ConsoleGateway:
    """Prints the message, code included, to the development log. Refused in production by ``worker``."""

    def send(self, *, key: str, to: str, body: str) -> None:
        log.info("SMS %s to %s: %s", key, to, body)
