from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from highwall.viewer.guard import HEADERS, Guard, serves

EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared only


@pytest.fixture
def client() -> TestClient:
    async def answer(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    return TestClient(Guard(app), base_url="http://127.0.0.1:8642")


@pytest.mark.parametrize(
    ("header", "host", "fine"),
    [
        ("127.0.0.1:8642", "127.0.0.1", True),
        ("localhost:8642", "127.0.0.1", True),
        ("LOCALHOST", "127.0.0.1", True),
        ("[::1]:80", "127.0.0.1", True),
        ("127.0.0.1:9000", "127.0.0.1", True),  # a port may be forwarded
        ("evil.example", "127.0.0.1", False),
        ("evil.example:8642", EVERYWHERE, False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("evil.example@127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1@evil.example", "127.0.0.1", False),
        ("127.0.0.1, evil.example", "127.0.0.1", False),
        ("127.0.0.1:port", "127.0.0.1", False),
        ("192.168.1.5:8642", "127.0.0.1", False),
        ("192.168.1.5:8642", "192.168.1.5", True),
        ("192.168.1.5:8642", EVERYWHERE, True),
        ("machine:8642", "machine", True),
        ("[", "127.0.0.1", False),
        ("", "127.0.0.1", False),
    ],
)
def test_only_names_of_the_viewer_itself_are_answered(header: str, host: str, fine: bool) -> None:
    assert serves(header, host) == fine


def test_a_foreign_name_is_refused(client: TestClient) -> None:
    assert client.get("/").text == "done"
    refused = client.get("/", headers={"Host": "evil.example"})
    assert (refused.status_code, set(refused.json())) == (421, {"error"})


@pytest.mark.parametrize(
    ("headers", "fine"),
    [
        ({}, False),
        ({"Origin": "http://127.0.0.1:8642"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://127.0.0.1:8642", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://127.0.0.1:8642", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, False),
        ({"Origin": "http://127.0.0.1:8643"}, False),
        ({"Origin": "http://localhost:8642"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
    ],
)
def test_only_the_page_itself_writes(client: TestClient, headers: dict[str, str], fine: bool) -> None:
    assert client.post("/", headers=headers).status_code == (200 if fine else 403)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    answer = client.request(method, "/", headers={"Origin": "http://127.0.0.1:8642"})
    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_all_answers_carry_the_headers(client: TestClient) -> None:
    for answer in (client.get("/"), client.get("/none"), client.post("/"), client.get("/", headers={"Host": "x"})):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert not any("unsafe" in sources or "*" in sources or "http" in sources for sources in policy.values())
