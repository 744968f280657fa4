"""The routing service: what it is asked, and that nothing odd it says is believed. A stub answers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from qiantang_nest.geography.gateways import OsrmGateway, RoutingFailed
from qiantang_nest.geography.rules import LatLon, TravelMode

HERE, THERE, GATE = LatLon(30.3, 120.46), LatLon(30.31, 120.47), LatLon(30.3265, 120.49)

Answer = Callable[[str], tuple[int, bytes]]


class Stub(ThreadingHTTPServer):
    """Answers as it is told and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{{profile}}/table/v1/{{profile}}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append(self.path)
        status, body = server.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_what: Any) -> None:
        """Quiet."""


@contextmanager
def stub(answer: Answer) -> Iterator[Stub]:
    server = Stub(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(rows: Any, code: str = "Ok") -> Answer:
    return lambda _path: (200, json.dumps({"code": code, "durations": rows}).encode())


def test_a_table_is_asked_for_in_the_protocol_of_osrm() -> None:
    with stub(told([[60, 90], [None, 0.5]])) as server:
        found = OsrmGateway(server.url).minutes(TravelMode.EBIKE, [HERE, THERE], [GATE, HERE])
        assert found == [[1.0, 1.5], [None, 0.5 / 60]]
        assert server.asked == [
            "/bike/table/v1/bike/120.460000,30.300000;120.470000,30.310000;120.490000,30.326500;"
            "120.460000,30.300000?sources=0;1&destinations=2;3"
        ]


def test_walking_is_another_profile() -> None:
    with stub(told([[60]])) as server:
        OsrmGateway(server.url).minutes(TravelMode.WALK, [HERE], [GATE])
        assert server.asked[0].startswith("/foot/table/v1/foot/")


def test_more_points_than_a_server_takes_are_asked_for_in_turns() -> None:
    def answer(path: str) -> tuple[int, bytes]:
        starts = path.partition("?sources=")[2].partition("&")[0].count(";") + 1
        return 200, json.dumps({"code": "Ok", "durations": [[60 * starts]] * starts}).encode()

    with stub(answer) as server:
        found = OsrmGateway(server.url).minutes(TravelMode.WALK, [HERE] * 150, [GATE])
    assert found == [[99.0]] * 99 + [[51.0]] * 51
    assert [path.count("120.46") for path in server.asked] == [99, 51]


@pytest.mark.parametrize(
    "answer",
    [
        lambda _path: (500, b"{}"),
        lambda _path: (400, b'{"code": "InvalidUrl", "message": "no"}'),
        lambda _path: (200, b"<html>"),
        lambda _path: (200, b"\xff\xfe"),
        lambda _path: (200, b"[]"),
        lambda _path: (200, b'{"code": "Ok"}'),
        told([[60]], code="NoTable"),
        told([[60], [60]]),
        told([[60, 60]]),
        told([60]),
        told([["60"]]),
        told([[True]]),
        told([[-1]]),
        told([[float("nan")]]),
        told([[float("inf")]]),
        lambda _path: (200, b" " * (OsrmGateway.MOST_BYTES + 1)),
    ],
)
def test_an_odd_answer_is_no_answer(answer: Answer) -> None:
    with stub(answer) as server, pytest.raises(RoutingFailed):
        OsrmGateway(server.url).minutes(TravelMode.WALK, [HERE], [GATE])


def test_a_service_that_is_not_there_is_no_answer() -> None:
    with stub(told([[60]])) as server:
        url = server.url
    with pytest.raises(RoutingFailed) as refused:
        OsrmGateway(url).minutes(TravelMode.WALK, [HERE], [GATE])
    assert "127.0.0.1" not in refused.value.reason


def test_a_service_that_does_not_answer_in_time_is_no_answer() -> None:
    waiting = threading.Event()

    def answer(_path: str) -> tuple[int, bytes]:
        waiting.wait(30)
        return 200, b"{}"

    with stub(answer) as server:
        try:
            with pytest.raises(RoutingFailed):
                OsrmGateway(server.url, timeout_seconds=0.05).minutes(TravelMode.WALK, [HERE], [GATE])
        finally:
            waiting.set()


def test_an_end_is_needed() -> None:
    with pytest.raises(ValueError, match="end"):
        OsrmGateway("http://127.0.0.1/{profile}").minutes(TravelMode.WALK, [HERE], [])
