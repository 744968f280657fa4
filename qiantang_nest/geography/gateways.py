"""The outside: who knows the roads.

Without a routing service minutes follow from the straight line (``rules.commute_minutes``); with one, what it
says of villages is stored by ``enterprises.services.ask_routes`` and stands in place of that.
"""

import http.client
import json
import math
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from qiantang_nest.geography.rules import LatLon, TravelMode

Minutes = list[list[float | None]]
"""A row for each start, a number for each end; None where there is no way."""


class RoutingFailed(Exception):
    """The service gave no answer that can be used; ``reason`` names no address."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RoutingGateway(Protocol):
    """Knows how long the way takes from many places to many places. Never called inside a transaction."""

    def minutes(self, mode: TravelMode, starts: Sequence[LatLon], ends: Sequence[LatLon]) -> Minutes:
        """Raises RoutingFailed."""
        ...


class OsrmGateway:
    """A service that speaks the table protocol of OSRM.

    ``GET <url>/<lon,lat;…>?sources=0;1&destinations=2`` answers ``{"code": "Ok", "durations": [[seconds]]}``
    with null where there is no way. ``{profile}`` in the address becomes ``foot`` or ``bike``: a server of
    OSRM knows one profile, so there are two of them. Shuttles run by their timetable and are not asked for.
    """

    PROFILES: ClassVar = {TravelMode.WALK: "foot", TravelMode.EBIKE: "bike"}
    MOST_POINTS = 100
    """What such a server takes in one request unless told otherwise (--max-table-size)."""
    MOST_BYTES = 4_000_000

    def __init__(self, url: str, *, timeout_seconds: float = 5.0) -> None:
        self._url, self._timeout = url.rstrip("/"), timeout_seconds
        # Straight there: the service is the district's own, whatever proxy the machine uses for the web.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def minutes(self, mode: TravelMode, starts: Sequence[LatLon], ends: Sequence[LatLon]) -> Minutes:
        if not ends or len(ends) >= self.MOST_POINTS:
            raise ValueError("a table needs an end, and room for a start beside its ends")
        url = self._url.replace("{profile}", self.PROFILES[mode])
        size = self.MOST_POINTS - len(ends)
        slices = (starts[first : first + size] for first in range(0, len(starts), size))
        return [row for some in slices for row in self._table(url, some, ends)]

    def _table(self, url: str, starts: Sequence[LatLon], ends: Sequence[LatLon]) -> Minutes:
        points = ";".join(f"{point.lon:.6f},{point.lat:.6f}" for point in (*starts, *ends))
        sources = ";".join(map(str, range(len(starts))))
        destinations = ";".join(map(str, range(len(starts), len(starts) + len(ends))))
        body = self._get(f"{url}/{points}?sources={sources}&destinations={destinations}")
        rows = body.get("durations") if isinstance(body, dict) and body.get("code") == "Ok" else None
        if (
            not isinstance(rows, list)
            or len(rows) != len(starts)
            or any(not isinstance(row, list) or len(row) != len(ends) for row in rows)
        ):
            raise RoutingFailed("an answer of another shape")
        return [[_minutes(seconds) for seconds in row] for row in rows]

    def _get(self, address: str) -> Any:
        try:
            with self._opener.open(address, timeout=self._timeout) as answer:
                data: bytes = answer.read(self.MOST_BYTES + 1)
            if len(data) > self.MOST_BYTES:
                raise RoutingFailed("an answer without end")
            return json.loads(data)
        except urllib.error.HTTPError as error:
            raise RoutingFailed(f"status {error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:  # out of reach, cut off, or no JSON
            raise RoutingFailed(type(error).__name__) from error


def _minutes(seconds: Any) -> float | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise RoutingFailed("a duration that is none")
    return seconds / 60
