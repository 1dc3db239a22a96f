"""The running HTTP door keeps what its own OpenAPI description promises, whatever is sent to it."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.security.conftest import Door

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
OPERATIONS = ["GET /healthz", "GET /metrics", "GET /readyz", "POST /v1/predict"]


def operation(door: Door, label: str) -> Any:
    described = schemathesis.openapi.from_url(f"{door.url}/openapi.json")
    found = {each.ok().label: each.ok() for each in described.get_all_operations()}
    assert sorted(found) == OPERATIONS
    return found[label]


def whole(value: Any) -> Any:
    """1.0 is an integer to JSON Schema; the door takes integers that are written as such."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("label", OPERATIONS)
def test_the_door_answers_as_it_is_described(door: Door, label: str, mode: GenerationMode) -> None:
    wanted = operation(door, label)
    if mode.is_negative and not label.startswith("POST"):
        return  # there is nothing that could be wrong
    door.services.stats.polled(door.services.clock.now(), 0, 0, 0)
    seen: set[int] = set()

    @seed(20260601)
    @settings(
        max_examples=30 if label.startswith("POST") else 3,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        case: Case = data.draw(wanted.as_strategy(generation_mode=mode))
        if mode.is_positive:
            case.body = whole(case.body)
        response = case.call()
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)
        if mode.is_positive and label != "GET /readyz":
            assert response.status_code in (200, 404), (case.body, response.text)

    run()
    if label.startswith("POST"):
        assert (200 in seen) == mode.is_positive, seen
