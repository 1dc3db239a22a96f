import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from pipeline.market import queries
from pipeline.market.selection import FieldName, Query, unknown_fields
from tests.pipeline.market.rows import shared

EACH = pytest.mark.parametrize("query", queries.ALL, ids=lambda query: query.name)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(shared("schema.graphql").read_text())


def optional(query: Query) -> list[FieldName]:
    return [name for name in query.names() if not query.required(name)]


@EACH
@pytest.mark.parametrize("keys", [1, 50])
def test_every_query_is_valid_against_the_published_schema(
    schema: GraphQLSchema, query: Query, keys: int
) -> None:
    assert validate(schema, parse(query.document(keys=keys))) == []


@EACH
def test_a_query_stays_valid_without_any_of_its_optional_fields(schema: GraphQLSchema, query: Query) -> None:
    names = optional(query)
    for dropped in (*((name,) for name in names), tuple(names)):
        document = query.document(frozenset(dropped), keys=2)
        assert validate(schema, parse(document)) == [], dropped


@EACH
def test_a_probe_gives_every_variable_that_its_query_declares(query: Query) -> None:
    body = query.body(queries.PROBES[query.name])
    declared = parse(str(body["query"])).definitions[0].variable_definitions  # type: ignore[attr-defined]
    assert {variable.variable.name.value for variable in declared or ()} == set(queries.PROBES[query.name])
    assert body["operationName"] == query.name


def test_a_holder_goes_with_the_last_field_that_it_held() -> None:
    dropped = frozenset({FieldName("AxpInfo", "level"), FieldName("AxieBattleInfo", "banned")})
    document = queries.NEWEST.document(dropped)
    assert "axpInfo" not in document
    assert "battleInfo { level }" in document


@pytest.mark.parametrize(
    "message",
    [
        'Cannot query field "purity" on type "Axie". Did you mean "pureness"?',
        "Cannot query field 'purity' on type 'Axie'.",
        'Unknown field "purity" on type "Axie".',
        "Field 'purity' doesn't exist on type 'Axie'",
    ],
)
def test_servers_of_different_make_are_understood_when_they_miss_a_field(message: str) -> None:
    assert unknown_fields(["something else", message, message]) == (FieldName("Axie", "purity"),)


def test_what_graphql_core_says_of_a_lost_field_is_understood(schema: GraphQLSchema) -> None:
    document = queries.RATES.document().replace("slp", "doge").replace("eth", "ether")
    messages = [error.message for error in validate(schema, parse(document))]
    assert {str(name) for name in unknown_fields(messages)} == {
        "ExchangeRate.doge",
        "ExchangeRate.ether",
    }
