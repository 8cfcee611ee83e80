"""What the official SDKs say of the API, and what the product asks of it.

Operations, models and the values of enumerations are read from the Python SDK; which fields are required from the types
of the JavaScript SDK, the only place that tells.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import PureCloudPlatformClientV2 as sdk
from dateutil.parser import isoparse

HERE = Path(__file__).parent
APIS = Path(inspect.getfile(sdk)).parent / "apis"
TYPES = HERE / "node_modules/purecloud-platform-client-v2/index.d.ts"
CALLS = HERE / "../../src/genesys/call.rs"

# A partner's endpoint, which no SDK has. No other path is let off.
PARTNERS = "/api/v2/wfm/users/{userId}/assignments"

PRIMITIVES: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float), "bool": bool}


@dataclass(frozen=True)
class Value:
    """A parameter or a field: its type in the SDK's words, what the SDK says of it, and the values it may have."""

    kind: str
    said: str = ""
    allowed: tuple[str, ...] = ()

    def largest(self) -> int | None:
        """The maximum that the text names: "Maximum of 200", "A page size over 25 may exceed ..."."""
        found = re.search(r"(?:[Mm]aximum|over|up to)\D{1,12}(\d+)", self.said) if self.kind == "int" else None
        return int(found[1]) if found else None

    def range(self) -> tuple[float, float] | None:
        """The range that the text names: "from 0.0 to 5.0"."""
        found = re.search(r"from (\d+\.?\d*) to (\d+\.?\d*)", self.said) if self.kind in ("int", "float") else None
        return (float(found[1]), float(found[2])) if found else None


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    query: dict[str, Value]
    headers: frozenset[str]
    body: str | None
    answer: str | None


@dataclass(frozen=True)
class Model:
    name: str
    fields: dict[str, Value]
    required: frozenset[str]


def _operation(source: str) -> Operation | None:
    path = re.search(r"resource_path = '([^']+)'", source)
    call = re.search(r"call_api\(resource_path, '([A-Z]+)'", source)
    if not path or not call:
        return None
    told = {name: Value(kind, said) for kind, name, said in re.findall(r":param ([\w\[\], ()]+?) (\w+): (.*)", source)}
    query = {wire: told[name] for wire, name in re.findall(r"query_params\['([^']+)'\] = params\['(\w+)'\]", source)}
    headers = frozenset(name.lower() for name in re.findall(r"header_params\['([^']+)'\] = params", source))
    body = re.search(r"body_params = params\['(\w+)'\]", source)
    answer = re.search(r"response_type='([^']+)'", source)
    name = source[: source.index("(")]
    kind = told[body[1]].kind if body else None
    return Operation(name, call[1], path[1], query, headers, kind, answer[1] if answer else None)


@cache
def operations() -> dict[str, Operation]:
    """All operations of the SDK by the name of their method; several classes have some of them."""
    sources = (source for file in sorted(APIS.glob("*_api.py")) for source in file.read_text().split("\n    def "))
    found = (_operation(source) for source in sources)
    return {operation.name: operation for operation in found if operation}


@cache
def _patterns() -> list[tuple[Operation, re.Pattern[str]]]:
    return [(one, re.compile(re.sub(r"\{\w+\}", "[^/]+", one.path))) for one in operations().values()]


@cache
def operation_of(method: str, path: str) -> Operation | None:
    """The operation of a request; of several that fit the one whose path has more words of its own."""
    fitting = [one for one, pattern in _patterns() if one.method == method and pattern.fullmatch(path)]
    return min(fitting, key=lambda one: one.path.count("{"), default=None)


@cache
def _types() -> str:
    return TYPES.read_text()


def _required(name: str) -> frozenset[str]:
    found = re.search(rf"^\texport interface {name} {{(.*?)^\t}}", _types(), re.DOTALL | re.MULTILINE)
    if not found:
        raise LookupError(f"the JavaScript SDK has no model {name}")
    return frozenset(re.findall(r'^\t\t"([^"]+)": ', found[1], re.MULTILINE))


@cache
def model(name: str) -> Model:
    kind = getattr(sdk, name)
    attributes = kind()

    def value(attribute: str) -> Value:
        setter = inspect.getsource(getattr(kind, attribute).fset)
        allowed = re.search(r"allowed_values = \[(.*?)\]", setter)
        values = tuple(re.findall(r'"([^"]*)"', allowed[1])) if allowed else ()
        return Value(attributes.swagger_types[attribute], setter, values)

    fields = {wire: value(attribute) for attribute, wire in attributes.attribute_map.items()}
    return Model(name, fields, _required(name))


def entity_of(kind: str) -> str | None:
    """The model that an answer is about: of a listing that of its entries."""
    fields = model(kind).fields
    entries = fields.get("entities")
    return re.sub(r"^list\[(.*)\]$", r"\1", entries.kind) if entries else kind


def problems(document: object, value: Value, where: str, nulls: bool) -> Iterator[str]:
    """What is wrong with a JSON document of a type. Where `nulls` permits it, a field that is null counts as missing."""
    kind = value.kind
    entries = re.fullmatch(r"list\[(.*)\]|dict\(str, (.*)\)", kind)
    if entries and entries[1]:
        if not isinstance(document, list):
            yield f"{where}: {document!r} is no list"
            return
        for index, entry in enumerate(document):
            yield from problems(entry, Value(entries[1], value.said, value.allowed), f"{where}[{index}]", nulls)
    elif entries:
        if not isinstance(document, dict):
            yield f"{where}: {document!r} is no map"
            return
        for name, entry in document.items():
            yield from problems(entry, Value(entries[2]), f"{where}.{name}", nulls)
    elif kind in ("datetime", "date"):
        try:
            isoparse(document)
        except (TypeError, ValueError):
            yield f"{where}: {document!r} is no date"
    elif kind in PRIMITIVES:
        if not isinstance(document, PRIMITIVES[kind]) or (isinstance(document, bool) and kind != "bool"):
            yield f"{where}: {document!r} is no {kind}"
            return
        if value.allowed and document not in value.allowed:
            yield f"{where}: {document!r} is none of {', '.join(value.allowed)}"
        within = value.range()
        if within and isinstance(document, (int, float)) and not within[0] <= document <= within[1]:
            yield f"{where}: {document!r} is not within {within}"
    elif kind != "object":
        yield from _problems_of_model(document, model(kind), where, nulls)


def _problems_of_model(document: object, kind: Model, where: str, nulls: bool) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{where}: {document!r} is no {kind.name}"
        return
    for name in sorted(name for name in kind.required if document.get(name) is None):
        yield f"{where}: {kind.name} needs {name}"
    for name, entry in document.items():
        if name not in kind.fields:
            yield f"{where}: {kind.name} has no {name}"
        elif entry is not None or not nulls:
            yield from problems(entry, kind.fields[name], f"{where}.{name}", nulls)


def product_calls() -> list[tuple[str, str]]:
    """Method and path of every route of the product, in the words of its own source."""
    text = CALLS.read_text()
    listed = re.findall(r'Self::\w+ => "([A-Z]+) (\S+)"', text)
    count = re.search(r"ALL: \[Self; (\d+)\] = \[\s*Self::Users", text)
    if not count or len(listed) != int(count[1]):
        raise LookupError(f"the routes of the product cannot be read from {CALLS.name}")
    return [(method, path.replace("genesys.wfm_path", PARTNERS)) for method, path in listed]
