"""An OpenAPI document by its URL: what is called, what never is, and how long it may take."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator

import pytest
from support.admin import AdminAPI, Answer
from support.documents_server import DocumentsServer, documents_server
from support.world import World, pointers, refusal

from portazgo.kit.address_kinds import IPAddress
from portazgo.kit.outbound import FetchFailed, fetch, stays_inside
from portazgo.kit.private_address import AddressRefused, PinnedAddress
from portazgo.routes.models import Route

DOCUMENT = {"openapi": "3.1.0", "info": {}, "paths": {"/things": {"get": {"operationId": "things"}}}}
LIMIT = 5 * 1024 * 1024
NOWHERE = "0.0.0.0"  # noqa: S104 - called, not listened on: Linux connects to itself


@pytest.fixture
def server() -> Iterator[DocumentsServer]:
    with documents_server() as running:
        running.documents["/openapi.json"] = DOCUMENT
        yield running


@pytest.fixture
def target(world: World) -> tuple[str, str]:
    """The API to import into, and the backend."""
    return world.an_api()["id"], world.backend()["id"]


def imported(api: AdminAPI, target: tuple[str, str], url: str) -> Answer:
    return api.post(f"/apis/{target[0]}/import", {"backend": target[1], "url": url})


@pytest.mark.usefixtures("database")
class TestThroughTheApi:
    """The embedded profile lets the operator name private addresses; what lies behind them is judged all the same."""

    def test_a_document_is_fetched_and_imported(
        self, api: AdminAPI, target: tuple[str, str], server: DocumentsServer
    ) -> None:
        server.redirects["/moved"] = "/openapi.json"
        report = imported(api, target, f"{server.url}/moved")
        assert (report.status, report.body["created"]) == (200, ["things"])
        assert server.seen == ["/moved", "/openapi.json"]

    @pytest.mark.parametrize(
        ("path", "location", "told"),
        [
            ("/loop", "/loop", "redirects"),
            ("/file", "file:///etc/passwd", "only http"),
            ("/gopher", "gopher://127.0.0.1/x", "only http"),
            ("/metadata", "http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
            ("/nowhere", "http://0.0.0.0:1/", NOWHERE),
            ("/mapped", "http://[::ffff:169.254.169.254]/", "::ffff:"),
            ("/user", "http://user:password@127.0.0.1/", "user name"),
            ("/broken", "http://[::1", "no URL"),
            ("/missing", "/404", "answered 404"),
        ],
    )
    def test_a_redirect_is_judged_anew(
        self,
        api: AdminAPI,
        target: tuple[str, str],
        server: DocumentsServer,
        path: str,
        location: str,
        told: str,
    ) -> None:
        server.redirects[path] = location
        refused = imported(api, target, server.url + path)
        assert (refusal(refused), pointers(refused)) == ((422, "document_unreachable"), {"/url"})
        assert told in refused.body["detail"]
        assert not Route.objects.exists()

    @pytest.mark.parametrize("path", ["/huge", "/bomb"])
    def test_what_is_too_large_is_not_read_to_its_end(
        self, api: AdminAPI, target: tuple[str, str], server: DocumentsServer, path: str
    ) -> None:
        refused = imported(api, target, server.url + path)
        assert (refusal(refused), pointers(refused)) == ((422, "document_unreachable"), {"/url"})
        assert "larger than" in refused.body["detail"]

    @pytest.mark.parametrize(
        ("document", "told"), [({"openapi": "3.1.0", "paths": []}, "at /paths"), (b"\xff\xfe", "UTF-8")]
    )
    def test_what_is_wrong_with_it_is_told_with_its_place(
        self, api: AdminAPI, target: tuple[str, str], server: DocumentsServer, document: object, told: str
    ) -> None:
        server.documents["/wrong"] = document
        refused = imported(api, target, f"{server.url}/wrong")
        assert (refusal(refused), pointers(refused)) == ((422, "document_invalid"), {"/url"})
        assert told in refused.body["detail"]

    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254/openapi.json",
            "http://[fe80::1]/openapi.json",
            "http://0.0.0.0/openapi.json",
            "http://[::]/openapi.json",
            "http://224.0.0.1/openapi.json",
            "http://user:password@127.0.0.1/",
            "http://nowhere.invalid/openapi.json",
            "http://127.0.0.1:99999/",
            "http://[::1/",
            "http://例え.invalid/",
            "http://127.0.0.1:1/openapi.json",
        ],
    )
    def test_what_is_never_called_is_told(self, api: AdminAPI, target: tuple[str, str], url: str) -> None:
        refused = imported(api, target, url)
        assert (refusal(refused), pointers(refused)) == ((422, "document_unreachable"), {"/url"})


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/openapi.json",
        "http://127.0.0.1:{port}/openapi.json",
        "http://127.1:{port}/openapi.json",
        "http://2130706433:{port}/openapi.json",
        "http://0x7f000001:{port}/openapi.json",
        "http://[::ffff:127.0.0.1]:{port}/openapi.json",
        "http://[::ffff:7f00:1]:{port}/openapi.json",
        "http://[::1]:{port}/openapi.json",
        "http://[64:ff9b::7f00:1]:{port}/openapi.json",
        "http://[2002:7f00:1::]:{port}/openapi.json",
        "http://10.0.0.1/",
        "http://100.64.0.1/",
        "http://192.168.1.1/",
        "http://[fd00::1]/",
    ],
)
def test_in_production_nothing_private_is_called_whatever_it_is_spelled_like(server: DocumentsServer, url: str) -> None:
    with pytest.raises(AddressRefused):
        fetch(url.format(port=server.port), limit_bytes=LIMIT, seconds=5)
    assert server.seen == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", NOWHERE, "10.1.2.3", "::1"])
def test_a_public_name_at_a_private_address_is_not_called(server: DocumentsServer, address: str) -> None:
    def resolve(_host: str, _port: int) -> list[IPAddress]:
        # As rebinding does it: a public address first, which would be judged alone by a careless look.
        return [ipaddress.ip_address("203.0.113.7"), ipaddress.ip_address(address)]

    with pytest.raises(AddressRefused):
        fetch(f"http://api.example:{server.port}/openapi.json", limit_bytes=LIMIT, resolve=resolve)
    assert server.seen == []


def test_the_name_is_looked_up_once_and_called_where_it_was_judged(server: DocumentsServer) -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[IPAddress]:
        asked.append(host)
        return [ipaddress.ip_address("127.0.0.1" if len(asked) == 1 else "169.254.169.254")]

    found = fetch(
        f"http://api.example:{server.port}/openapi.json", limit_bytes=LIMIT, allow_private=True, resolve=resolve
    )
    assert (found.body[:1], asked) == (b"{", ["api.example"])


@pytest.mark.parametrize(
    ("address", "named", "may"),
    [("10.0.0.1", True, True), ("10.0.0.1", False, False), ("1.1.1.1", True, False), ("2606:4700::1", True, False)],
)
def test_a_public_address_never_leads_inside_even_where_private_ones_may_be_named(
    address: str, named: bool, may: bool
) -> None:
    assert stays_inside(PinnedAddress("http", "api.example", 80, address), allow_private=named) is may


def test_a_private_address_may_lead_to_another_where_private_ones_may_be_named() -> None:
    with documents_server() as first, documents_server() as second:
        second.documents["/openapi.json"] = DOCUMENT
        first.redirects["/openapi.json"] = f"{second.url}/openapi.json"
        assert fetch(f"{first.url}/openapi.json", limit_bytes=LIMIT, allow_private=True).url.startswith(second.url)
        with pytest.raises(AddressRefused):
            fetch(f"{first.url}/openapi.json", limit_bytes=LIMIT)


@pytest.mark.parametrize("path", ["/drip", "/drip-head"])
def test_a_server_that_never_ends_is_left_in_time(server: DocumentsServer, path: str) -> None:
    started = time.monotonic()
    with pytest.raises(FetchFailed, match="not whole after 1 s"):
        fetch(server.url + path, limit_bytes=LIMIT, allow_private=True, seconds=1)
    assert time.monotonic() - started < 10
