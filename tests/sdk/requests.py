"""Holds the requests that the product sends in its tests against the Python SDK's definitions.

usage: requests.py FOLDER       notes that the integration tests have taken (SKILLSYNC_REQUESTS_TO)
       requests.py --self-test  whether wrong requests are found
"""

import json
import re
import sys
import unittest
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import PureCloudPlatformClientV2 as sdk
from PureCloudPlatformClientV2.abstract_http_client import AbstractHttpClient
from PureCloudPlatformClientV2.http_request_options import HttpRequestOptions

from definitions import PARTNERS, Operation, Value, entity_of, model, operation_of, problems, product_calls

# Values that the vendor's reference names and no SDK does.
ALSO_TAKEN = {("get_users", "state"): ("any",)}
LOGIN = ("POST", "/oauth/token")
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str = ""
    headers: tuple[str, ...] = ()
    content_type: str | None = None
    body: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}?{self.query} {self.body}"[:300]


@dataclass
class Verdict:
    requests: int = 0
    seen: set[tuple[str, str]] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def noted(folder: Path) -> Iterator[Request]:
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            note = json.loads(line)
            query, headers = note["query"] or "", tuple(note["headers"])
            yield Request(note["method"], note["path"], query, headers, note["contentType"], note["body"])


def judged(requests: Iterable[Request]) -> Verdict:
    """What is wrong with the requests, and which routes of the product are not among them."""
    verdict = Verdict()
    for request in requests:
        verdict.requests += 1
        verdict.problems += [f"{request}\n    {problem}" for problem in wrong_with(request)]
        verdict.seen.add(route_of(request))
    for method, path in [LOGIN, *(route_named(*call) for call in product_calls())]:
        if (method, path) not in verdict.seen:
            verdict.problems.append(f"{method} {path} was not seen")
    return verdict


def route_of(request: Request) -> tuple[str, str]:
    return route_named(request.method, request.path)


def route_named(method: str, path: str) -> tuple[str, str]:
    """A request as the SDK names it, where it does."""
    operation = operation_of(method, path)
    if operation:
        return method, operation.path
    return method, PARTNERS if is_partners(path) else path


def is_partners(path: str) -> bool:
    before, after = PARTNERS.split("{userId}")
    return re.fullmatch(f"{re.escape(before)}[^/]+{re.escape(after)}", path) is not None


def wrong_with(request: Request) -> Iterator[str]:
    if (request.method, request.path) == LOGIN:
        yield from wrong_with_login(request)
    elif is_partners(request.path) and request.method in ("GET", "PATCH"):
        if set(request.headers) - {"if-match"}:
            yield f"headers {request.headers}"
    elif operation := operation_of(request.method, request.path):
        yield from wrong_with_query(operation, request.query)
        yield from wrong_with_body(operation, request)
        for header in sorted(set(request.headers) - operation.headers):
            yield f"{operation.name} has no header {header}"
    else:
        yield "the SDK has no such path and method"


def wrong_with_query(operation: Operation, query: str) -> Iterator[str]:
    given = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    for name, values in given.items():
        known = operation.query.get(name)
        if known is None:
            yield f"{operation.name} has no parameter {name}"
            continue
        if known.kind.startswith("list["):
            values = [value for joined in values for value in joined.split(",")]
        elif len(values) > 1:
            yield f"{name} is given {len(values)} times"
        for value in values:
            yield from wrong_with_parameter(operation, name, known, value)


def wrong_with_parameter(operation: Operation, name: str, known: Value, value: str) -> Iterator[str]:
    if known.kind == "int" and not re.fullmatch("[0-9]+", value):
        yield f"{name}: {value!r} is no number"
    elif (largest := known.largest()) and int(value) > largest:
        yield f"{name}: {value} is more than {largest}"
    elif known.kind == "bool" and value not in ("true", "false"):
        yield f"{name}: {value!r} is no bool"
    entity = model(entity_of(operation.answer)).fields if operation.answer else {}
    if name == "expand" and value not in entity:
        yield f"expand: {value!r} is no field of what {operation.name} answers"
    if name in entity and entity[name].allowed:
        allowed = entity[name].allowed + ALSO_TAKEN.get((operation.name, name), ())
        if value not in allowed:
            yield f"{name}: {value!r} is none of {', '.join(allowed)}"


def wrong_with_body(operation: Operation, request: Request) -> Iterator[str]:
    if operation.body is None:
        if request.body:
            yield f"{operation.name} has no body"
        return
    if request.content_type != "application/json":
        yield f"the content type is {request.content_type}"
    try:
        document = json.loads(request.body)
    except ValueError:
        yield "the body is no JSON"
        return
    yield from problems(document, Value(operation.body), "body", nulls=False)


class Kept(AbstractHttpClient):  # type: ignore[misc]  # the SDK has no types
    """Keeps the request of the SDK instead of sending it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = HttpRequestOptions(url="http://nowhere", method="GET")

    def request(self, http_request_options: HttpRequestOptions) -> object:
        self.asked = http_request_options
        raise ConnectionAbortedError


def wrong_with_login(request: Request) -> Iterator[str]:
    """A login is no operation of the SDK; it is held against the one that the SDK makes."""
    kept = Kept()
    client = sdk.ApiClient()
    client.set_http_client(kept)
    with suppress(ConnectionAbortedError):
        client.get_client_credentials_token("id", "secret")
    own = (kept.asked.method, urlsplit(kept.asked.url).path, kept.asked.headers["Content-Type"], kept.asked.post_params)
    if own != (request.method, request.path, request.content_type, dict(parse_qsl(request.body))):
        yield f"the SDK logs in by {own}"


class SelfTest(unittest.TestCase):
    """Wrong requests are found, each for what is wrong with it; sound ones are not."""

    BULK = "/api/v2/users/{id}/routingskills/bulk"

    def found(self, request: Request) -> str:
        return "\n".join(wrong_with(request))

    def bulk(self, body: str, headers: tuple[str, ...] = ()) -> Request:
        return Request("PATCH", self.BULK, "", headers, "application/json", body)

    def search(self, body: str) -> Request:
        return Request("POST", "/api/v2/users/search", "", (), "application/json", body)

    def test_sound_requests_pass(self) -> None:
        for request in (
            Request("GET", "/api/v2/users", "pageSize=500&pageNumber=1&expand=employerInfo&expand=skills"),
            Request("GET", "/api/v2/users", "pageSize=100&state=any&id={id}&id={id}"),
            Request("GET", "/api/v2/users/{id}", "expand=employerInfo,skills"),
            Request("GET", "/api/v2/scim/v2/users", "filter=employeeNumber%20eq%20%221%22&count=25"),
            Request("GET", "/api/v2/wfm/users/{id}/assignments"),
            Request("PATCH", "/api/v2/wfm/users/{id}/assignments", "", ("if-match",), "application/json", "{}"),
            Request("POST", "/oauth/token", "", (), FORM, "grant_type=client_credentials"),
            self.bulk("[]"),
            self.bulk('[{"id": "{id}", "proficiency": 5.0}]'),
            self.search('{"query": [{"type": "EXACT", "fields": ["email"], "values": ["a@b.c"]}]}'),
        ):
            self.assertEqual(self.found(request), "", str(request))

    def test_wrong_requests_are_found(self) -> None:
        for request, expected in (
            (Request("GET", "/api/v2/user"), "no such path and method"),
            (Request("PUT", "/api/v2/users"), "no such path and method"),
            (Request("GET", "/api/v2/wfm/users/{id}/assignment"), "no such path and method"),
            (Request("PUT", "/api/v2/wfm/users/{id}/assignments"), "no such path and method"),
            (Request("GET", "/api/v2/users", "page=1"), "no parameter page"),
            (Request("GET", "/api/v2/users", "pageSize=many"), "pageSize: 'many' is no number"),
            (Request("GET", "/api/v2/users", "pageSize=1&pageSize=2"), "pageSize is given 2 times"),
            (Request("GET", "/api/v2/users", "state=retired"), "'retired' is none of active, inactive, deleted, any"),
            (Request("GET", "/api/v2/users", "expand=employeInfo"), "'employeInfo' is no field"),
            (Request("GET", "/api/v2/scim/v2/users", "count=100"), "count: 100 is more than 25"),
            (Request("GET", "/api/v2/users", body="{}"), "has no body"),
            (Request("PATCH", self.BULK, "", (), "text/plain", "[]"), "content type is text/plain"),
            (self.bulk(""), "no JSON"),
            (self.bulk("{}"), "is no list"),
            (self.bulk("[]", ("if-match",)), "no header if-match"),
            (self.bulk('[{"id": "{id}"}]'), "UserRoutingSkillPost needs proficiency"),
            (self.bulk('[{"id": "{id}", "proficency": 1.0, "proficiency": 1.0}]'), "has no proficency"),
            (self.bulk('[{"id": "{id}", "proficiency": "1.0"}]'), "'1.0' is no float"),
            (self.bulk('[{"id": "{id}", "proficiency": 5.5}]'), "5.5 is not within"),
            (self.bulk('[{"id": null, "proficiency": 1.0}]'), "None is no str"),
            (self.search('{"query": [{"type": "EQUALS"}]}'), "'EQUALS' is none of EXACT"),
            (self.search('{"query": [{"fields": ["email"]}]}'), "UserSearchCriteria needs type"),
            (Request("POST", "/oauth/token", "", (), FORM, "grant_type=password"), "the SDK logs in by"),
        ):
            self.assertIn(expected, self.found(request), str(request))

    def test_nothing_is_no_proof(self) -> None:
        missing = judged([]).problems
        self.assertEqual(len(missing), len(product_calls()) + 1)
        self.assertIn("DELETE /api/v2/users/{userId}/routingskills/{skillId} was not seen", missing)


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return 0 if unittest.main(argv=sys.argv[:1], exit=False).result.wasSuccessful() else 1
    verdict = judged(noted(Path(sys.argv[1])))
    for problem in verdict.problems[:50]:
        print(problem)
    print(f"{verdict.requests} different requests on {len(verdict.seen)} routes: {len(verdict.problems)} problems")
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    sys.exit(main())
