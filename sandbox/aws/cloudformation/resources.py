# ruff: noqa: D102 - the methods are those of Resource, which describes them.
"""The resource types that moto lacks, or that it makes or updates only in part."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, TypeVar

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend as lambda_backend
from moto.cloudformation.parsing import get_model_map
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import Queue, sqs_backends

from sandbox.aws.callers import REGION
from sandbox.aws.cloudformation.resource import Properties, Resource, truth

_functions = lambda_backend(DEFAULT_ACCOUNT_ID, REGION)
_iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
_queues = sqs_backends[DEFAULT_ACCOUNT_ID][REGION]
_secrets = secretsmanager_backends[DEFAULT_ACCOUNT_ID][REGION]
_dashboards = cloudwatch_backends[DEFAULT_ACCOUNT_ID][REGION]


TYPES: dict[str, type[Resource]] = {}
"""The types that have a class of their own."""

R = TypeVar("R", bound=type[Resource])


def of_type(resource_type: str) -> Callable[[R], R]:
    """Register the class of a resource type."""

    def register(resource_class: R) -> R:
        TYPES[resource_type] = resource_class
        return resource_class

    return register


class Recorded(Resource):
    """A type that is recorded and has no effect here."""

    def create(self) -> None:
        """Do nothing."""

    def update(self, properties: Properties) -> None:
        self.properties = properties

    def delete(self) -> None:
        """Do nothing."""


@of_type("AWS::SecretsManager::ResourcePolicy")
class SecretPolicy(Recorded):
    """Policies are not enforced here."""


@of_type("AWS::S3::BucketPolicy")
class BucketPolicy(Recorded):
    """moto enforces a bucket's policy without its conditions.

    The policy of the bucket that `sam deploy` makes denies what does not come over TLS, and so would deny everything.
    """


@of_type("AWS::CloudWatch::Alarm")
@of_type("AWS::CloudWatch::CompositeAlarm")
class Alarm(Recorded):
    """Nothing evaluates metrics here, so an alarm never fires."""

    NAME_PROPERTY = "AlarmName"

    def attribute(self, name: str) -> Any:
        return {"Arn": f"arn:aws:cloudwatch:{REGION}:{DEFAULT_ACCOUNT_ID}:alarm:{self.name}"}[name]


@of_type("AWS::SecretsManager::Secret")
class Secret(Resource):
    """A secret. Without SecretString it has no value until somebody puts one."""

    NAME_PROPERTY = "Name"

    @property
    def physical_resource_id(self) -> str:
        return str(_secrets.secrets[self.name].arn)

    def attribute(self, name: str) -> Any:
        return {"Id": self.physical_resource_id}[name]

    def create(self) -> None:
        if "GenerateSecretString" in self.properties:
            raise ValueError("the sandbox does not generate secret strings")
        _secrets.create_secret(
            name=self.name,
            secret_string=self.properties.get("SecretString"),
            secret_binary=None,
            description=self.properties.get("Description"),
            tags=self.properties.get("Tags"),
            kms_key_id=self.properties.get("KmsKeyId"),
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )

    def update(self, properties: Properties) -> None:
        old, self.properties = self.properties, properties
        secret: Any = _secrets.secrets[self.name]
        secret.update(properties.get("Description"), properties.get("Tags"), properties.get("KmsKeyId"))
        if properties.get("SecretString") not in (None, old.get("SecretString")):
            _secrets.put_secret_value(self.name, properties["SecretString"], "", "", ["AWSCURRENT"])

    def delete(self) -> None:
        _secrets.delete_secret(self.name, None, force_delete_without_recovery=True)


@of_type("AWS::SQS::QueuePolicy")
class QueuePolicy(Resource):
    """A policy on each of several queues."""

    def create(self) -> None:
        for queue in self._queues():
            queue.policy = json.dumps(self.properties["PolicyDocument"])

    def delete(self) -> None:
        for queue in self._queues():
            queue.policy = None

    def _queues(self) -> list[Queue]:
        urls = self.properties.get("Queues") or [self.properties["Queue"]]
        return [_queues.get_queue(url.split("/")[-1]) for url in urls]


@of_type("AWS::Lambda::EventInvokeConfig")
class EventInvokeConfig(Resource):
    """How a function's asynchronous invocations are retried, and where failed events go."""

    def create(self) -> None:
        config = {
            name: int(value) if name.startswith("Maximum") else value
            for name, value in self.properties.items()
            if name not in ("FunctionName", "Qualifier")
        }
        _functions.put_function_event_invoke_config(self.properties["FunctionName"], config)

    def delete(self) -> None:
        _functions.delete_function_event_invoke_config(self.properties["FunctionName"])


@of_type("AWS::CloudWatch::Dashboard")
class Dashboard(Resource):
    """moto gives a dashboard without a name a random name, and a Ref that is not its name."""

    NAME_PROPERTY = "DashboardName"

    def create(self) -> None:
        json.loads(self.properties["DashboardBody"])
        _dashboards.put_dashboard(name=self.name, body=self.properties["DashboardBody"])

    def delete(self) -> None:
        _dashboards.delete_dashboards([self.name])


@of_type("AWS::Events::Rule")
class RuleResource(Resource):
    """moto's deletion refuses a rule that has targets."""

    def delete(self) -> None:
        self.model.delete(DEFAULT_ACCOUNT_ID, REGION)


@of_type("AWS::SQS::Queue")
class QueueResource(Resource):
    """moto updates two of a queue's attributes."""

    def update(self, properties: Properties) -> None:
        self.properties = properties
        attributes = {"RedrivePolicy": {}, **self._definition["Properties"], "Policy": self.model.policy}
        self.model.tags = {tag["Key"]: tag["Value"] for tag in attributes.pop("Tags", [])}
        self.model._set_attributes(attributes)


@of_type("AWS::DynamoDB::Table")
class TableResource(Resource):
    """moto ignores time to live and point-in-time recovery. It has no update, so that the items would be lost."""

    def create(self) -> None:
        super().create()
        self._set()

    def update(self, properties: Properties) -> None:
        if properties["KeySchema"] != self.properties["KeySchema"]:
            raise ValueError("the sandbox does not replace a table whose key schema changes")
        self.properties = properties
        self._set()

    def _set(self) -> None:
        backend, properties = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION], self.properties
        if lives := properties.get("TimeToLiveSpecification"):
            backend.update_time_to_live(self.name, {**lives, "Enabled": truth(lives["Enabled"])})
        recovery = properties.get("PointInTimeRecoverySpecification") or {}
        enabled = truth(recovery.get("PointInTimeRecoveryEnabled"))
        backend.update_continuous_backups(self.name, {"PointInTimeRecoveryEnabled": enabled})
        self.model.deletion_protection_enabled = truth(properties.get("DeletionProtectionEnabled"))


@of_type("AWS::IAM::Role")
class RoleResource(Resource):
    """moto keeps inline policies as they are written, unchecked. It attaches no managed policies and updates none."""

    def create(self) -> None:
        bare = {name: value for name, value in self.properties.items() if name != "Policies"}
        self.model = self._model_type.create_from_cloudformation_json(
            self.name, {"Properties": bare}, DEFAULT_ACCOUNT_ID, REGION
        )
        self.update(self.properties)

    def update(self, properties: Properties) -> None:
        self.properties = properties
        role = self.model
        role.assume_role_policy_document = json.dumps(properties["AssumeRolePolicyDocument"])
        for name in list(role.policies):
            role.delete_policy(name)
        for policy in properties.get("Policies", []):
            _iam.put_role_policy(role.name, policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
        for arn in list(role.managed_policies):
            _iam.detach_role_policy(arn, role.name)
        for arn in properties.get("ManagedPolicyArns", []):
            _iam.attach_role_policy(arn, role.name)

    def delete(self) -> None:
        for arn in list(self.model.managed_policies):
            _iam.detach_role_policy(arn, self.name)
        super().delete()


@of_type("AWS::IAM::ManagedPolicy")
class ManagedPolicyResource(Resource):
    """moto has neither an update nor a deletion."""

    def update(self, properties: Properties) -> None:
        self.properties = properties
        _iam.create_policy_version(self.model.arn, json.dumps(properties["PolicyDocument"]), True)

    def delete(self) -> None:
        _iam.delete_policy(self.model.arn)


@of_type("AWS::Lambda::Function")
class FunctionResource(Resource):
    """moto drops architecture, tags, tracing and more from a function, and keeps numbers that are given as text."""

    def create(self) -> None:
        self.model = _functions.create_function({**self._specification(), "FunctionName": self.name})

    def update(self, properties: Properties) -> None:
        self.properties = properties
        specification = self._specification()
        self.model.update_configuration(specification)
        self.model.update_function_code(specification["Code"])
        self.model.reserved_concurrency = specification.get("ReservedConcurrentExecutions")
        self.model.tags = specification["Tags"]

    def _specification(self) -> Properties:
        specification: Properties = self._definition["Properties"]
        for name in specification.keys() & {"MemorySize", "Timeout", "ReservedConcurrentExecutions"}:
            specification[name] = int(specification[name])
        variables = specification.get("Environment", {}).get("Variables", {})
        specification["Environment"] = {"Variables": {name: str(value) for name, value in variables.items()}}
        specification["Tags"] = {tag["Key"]: tag["Value"] for tag in specification.get("Tags", [])}
        code = specification["Code"]
        if "ZipFile" in code:  # CloudFormation's ZipFile is the text of one source file
            code["ZipFile"] = base64.b64encode(LambdaFunction._create_zipfile_from_plaintext_code(code["ZipFile"]))
        return specification


@of_type("AWS::Lambda::EventSourceMapping")
class EventSourceMappingResource(Resource):
    """moto takes numbers and booleans only as such, and has no attribute of a mapping."""

    def attribute(self, name: str) -> Any:
        return {"Id": self.model.uuid, "EventSourceMappingArn": self.model.arn}[name]

    def create(self) -> None:
        self.model = _functions.create_event_source_mapping(self._specification())

    def update(self, properties: Properties) -> None:
        self.properties = properties
        specification = {"Enabled": True, "ScalingConfig": None, **self._specification()}
        _functions.update_event_source_mapping(self.model.uuid, specification)

    def _specification(self) -> Properties:
        specification: Properties = self._definition["Properties"]
        for name in specification.keys() & {"BatchSize", "MaximumBatchingWindowInSeconds"}:
            specification[name] = int(specification[name])
        if "Enabled" in specification:
            specification["Enabled"] = truth(specification["Enabled"])
        if scaling := specification.get("ScalingConfig"):
            specification["ScalingConfig"] = {name: int(value) for name, value in scaling.items()}
        if tags := specification.get("Tags"):
            specification["Tags"] = {tag["Key"]: tag["Value"] for tag in tags}
        return specification


def known_types() -> set[str]:
    """Return the resource types that the sandbox has."""
    return {*get_model_map(), *TYPES}
