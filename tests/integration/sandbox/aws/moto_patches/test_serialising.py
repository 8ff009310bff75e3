"""What the ledger relies on in DynamoDB, asked of the endpoint with boto3."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_clients import Clients


@pytest.fixture
def table(aws: Clients, name: str) -> Any:
    """Make a table like the ledger's."""
    aws("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    return name


def begin(aws: Clients, table: str, key: str, owner: str) -> None:
    """Write an item that must not be there."""
    aws("dynamodb").put_item(
        TableName=table,
        Item={"pk": {"S": key}, "owner": {"S": owner}},
        ConditionExpression="attribute_not_exists(pk)",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )


def test_a_failed_condition_returns_the_old_item(aws: Clients, table: str) -> None:
    """With ALL_OLD, the error holds the item that stood in the way."""
    begin(aws, table, "k", "first")
    with pytest.raises(ClientError) as caught:
        begin(aws, table, "k", "second")
    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert caught.value.response["Item"] == {"pk": {"S": "k"}, "owner": {"S": "first"}}  # type: ignore[typeddict-item] # only this error has it


def test_a_conditional_write_has_one_winner(aws: Clients, table: str) -> None:
    """For each of 200 keys, exactly one of several writers at the same time succeeds."""

    def won(race: tuple[int, int]) -> bool:
        try:
            begin(aws, table, str(race[0]), str(race[1]))
        except ClientError:
            return False
        return True

    races = [(key, writer) for key in range(200) for writer in range(4)]
    with ThreadPoolExecutor(16) as pool:
        winners = [key for (key, _), winner in zip(races, pool.map(won, races), strict=True) if winner]
    assert sorted(winners) == list(range(200))
