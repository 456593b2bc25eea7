"""The OpenAPI document describes what is answered: schemathesis makes up calls and compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gallery.api import compreface
from gallery.api.base import RULES, api
from gallery.models import Role
from tests.access_world import make_world
from tests.api.calling import ROOT, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]
DOCUMENT = f"{ROOT}/openapi.json"


def test_the_document_is_complete_and_open_to_all() -> None:
    document: dict[str, Any] = Client().get(DOCUMENT).json()
    calls = [call for path in document["paths"].values() for call in path.values()]
    assert len(calls) == sum(route.startswith("api/v1/") for _method, route in RULES)
    for call in calls:
        assert call["summary"]
        assert call["security"]
        assert {"401", "403", "404", "422", "429", "503"} <= set(call["responses"])
        problem = call["responses"]["401"]["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert "content" in call["responses"][min(call["responses"])]
    assert "examples" in document["components"]["schemas"]["FaceOut"]["properties"]["box"]


def test_every_call_has_a_name_of_its_own() -> None:
    for documented in (api, compreface.api):
        paths = documented.get_openapi_schema()["paths"].values()
        names = [call["operationId"] for path in paths for call in path.values()]
        assert len(names) == len(set(names))


CHECKED = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_schema_conformance, response_headers_conformance),
]
EXAMPLES = 8  # calls made up of each kind
HASTE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
def test_every_answer_is_as_the_document_says(own_data: Path, settings: Any) -> None:
    """Calls that fit the document and calls that do not, about rows that are there and rows that are not."""
    settings.API_CALLS_PER_MINUTE = 1_000_000
    settings.IDENTIFY = False  # the gate, which is not here, would ask a worker
    world = make_world()
    caller = Caller(world.users[Role.ADMINISTRATOR])
    headers = {"Authorization": f"Bearer {caller.secret}"}
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, get_wsgi_application())
    for found in schema.get_all_operations():
        operation = found.ok()
        word = (
            operation.path.split("/")[3]
            .replace("people", "person")
            .removesuffix("s")
            .replace("history", "event")
        )
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            check_calls(operation.as_strategy(mode), headers)
        if "{pk}" in operation.path:
            there = operation.as_strategy(path_parameters={"pk": world.value(word)})
            check_calls(there, headers)


def check_calls(cases: SearchStrategy[Any], headers: dict[str, str]) -> None:
    @HASTE
    @given(cases)
    def check(case: Any) -> None:
        with transaction.atomic():
            case.call_and_validate(headers=headers, checks=CHECKED)
            transaction.set_rollback(True)

    check()
