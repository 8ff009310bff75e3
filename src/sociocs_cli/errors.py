"""An error of AWS -> one line that says what to do about it."""

from typing import NoReturn

import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)
from botocore.parsers import ResponseParserError

from message_sender.aws import NotFromAwsError

_SIGN_IN = "sign in (aws sso login), set AWS_PROFILE or give --profile"
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_INVALID = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_GONE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


def in_words(error: BotoCoreError | ClientError | ResponseParserError) -> str:
    """Say what went wrong, and what to do where that is known."""
    if isinstance(error, ClientError):
        return _of_answer(error)
    if isinstance(error, ResponseParserError | NotFromAwsError):
        return "what answers is not AWS: check the network and --endpoint-url"
    if isinstance(error, ProfileNotFound):
        return f"{error}: `aws configure list-profiles` lists those that exist"
    if isinstance(error, NoRegionError):
        return "no AWS region: set AWS_REGION or give --region"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"no AWS credentials: {_SIGN_IN}"
    if isinstance(error, CredentialRetrievalError | SSOError | TokenRetrievalError):
        return f"the AWS credentials cannot be read ({error}): {_SIGN_IN}"
    if isinstance(error, BotoConnectionError | HTTPClientError):
        return f"AWS does not answer ({error}): check the network, --region and --endpoint-url"
    return str(error)


def _of_answer(error: ClientError) -> str:
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", "Unknown"), answer.get("Message", "")
    if code in _EXPIRED:
        return f"the AWS credentials have expired: {_SIGN_IN}"
    if code in _INVALID:
        return f"AWS does not know these credentials ({code}): {_SIGN_IN}"
    if code in _DENIED:
        what = f"access denied to {error.operation_name}: {message}"
        return f'{what}\nWhat an operator needs: docs/operations.md, "Permissions"'
    if code.removesuffix("Exception") in _GONE:
        return "a queue of the stack does not exist any more"
    return f"{error.operation_name} failed: {code}: {message}"


def fail(text: str) -> NoReturn:
    """End the command with exit code 1 and this text.

    Raises:
        click.ClickException: always.
    """
    raise click.ClickException(text)
