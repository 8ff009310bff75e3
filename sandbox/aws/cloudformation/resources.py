# ruff: noqa: D102, ARG002, ARG003 - the methods and their arguments are those that moto calls, the same in each class;
# `Created` and `Extended` say what they are for.
"""The resource types that moto lacks, or that it makes or updates only in part.

moto finds its types among the direct subclasses of CloudFormationModel; the last one defined for a type wins.
"""

from __future__ import annotations

import base64
import json
import secrets
import string
from typing import Any, ClassVar

from moto.awslambda.models import EventSourceMapping, LambdaFunction
from moto.awslambda.utils import get_backend as lambda_backend
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.cloudwatch.models import MetricDataQuery, cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.logs.models import LogGroup
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import Queue, sqs_backends

_PARTITION = "aws"


class Created:
    """A resource type of ours: `put` makes AWS's state what the properties say, `remove` undoes it."""

    TYPE: ClassVar[str]
    NAME_PROPERTY: ClassVar[str] = ""

    def __init__(self, name: str, properties: dict[str, Any], account_id: str, region: str) -> None:
        self.name = name
        self.physical_resource_id = name
        self.properties = properties
        self.account_id = account_id
        self.region = region

    def put(self) -> None:
        """Nothing by default: the type is recorded, and has no effect here."""

    def remove(self) -> None:
        """Nothing by default."""

    def attributes(self) -> dict[str, Any]:
        """Return what `Fn::GetAtt` can ask for."""
        return {}

    def delete(self, account_id: str, region_name: str) -> None:
        self.remove()

    def is_created(self) -> bool:
        return True

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        if attribute_name not in self.attributes():
            raise UnformattedGetAttTemplateException
        return self.attributes()[attribute_name]

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.NAME_PROPERTY

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.TYPE

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Any:
        resource = cls(resource_name, cloudformation_json["Properties"], account_id, region_name)
        resource.put()
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        original_resource.remove()
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)


class SecretResource(Created, CloudFormationModel):
    """A secret. One without SecretString and GenerateSecretString has no value until somebody puts one."""

    TYPE = "AWS::SecretsManager::Secret"
    NAME_PROPERTY = "Name"

    def put(self) -> None:
        answer = self._backend.create_secret(
            name=self.name,
            secret_string=self._value(),
            secret_binary=None,
            description=self.properties.get("Description"),
            tags=self.properties.get("Tags"),
            kms_key_id=self.properties.get("KmsKeyId"),
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
        self.physical_resource_id = json.loads(answer)["ARN"]

    def remove(self) -> None:
        self._backend.delete_secret(self.name, None, force_delete_without_recovery=True)

    def attributes(self) -> dict[str, Any]:
        return {"Id": self.physical_resource_id}

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        # In place, so that a value which an operator has put survives the update.
        old, new = original_resource.properties, cloudformation_json["Properties"]
        original_resource.properties = new
        secret = original_resource._backend.secrets[original_resource.name]
        secret.update(new.get("Description"), new.get("Tags"), new.get("KmsKeyId"))
        if new.get("SecretString") != old.get("SecretString") and new.get("SecretString") is not None:
            original_resource._backend.put_secret_value(
                secret_id=original_resource.name,
                secret_string=new["SecretString"],
                secret_binary=None,
                client_request_token=None,
                version_stages=["AWSCURRENT"],
            )
        return original_resource

    @property
    def _backend(self) -> Any:
        return secretsmanager_backends[self.account_id][self.region]

    def _value(self) -> str | None:
        if "SecretString" in self.properties:
            return str(self.properties["SecretString"])
        generate = self.properties.get("GenerateSecretString")
        if generate is None:
            return None
        left = set(string.ascii_letters + string.digits) - set(generate.get("ExcludeCharacters", ""))
        password = "".join(secrets.choice(sorted(left)) for _ in range(int(generate.get("PasswordLength", 32))))
        if "GenerateStringKey" not in generate:
            return password
        return json.dumps(json.loads(generate["SecretStringTemplate"]) | {generate["GenerateStringKey"]: password})


class SecretPolicyResource(Created, CloudFormationModel):
    """Recorded: policies are not enforced here."""

    TYPE = "AWS::SecretsManager::ResourcePolicy"


class QueuePolicyResource(Created, CloudFormationModel):
    """A policy on each of several queues."""

    TYPE = "AWS::SQS::QueuePolicy"

    def put(self) -> None:
        for queue in self._queues():
            queue.policy = json.dumps(self.properties["PolicyDocument"], default=str)

    def remove(self) -> None:
        for queue in self._queues():
            queue.policy = None

    def _queues(self) -> list[Queue]:
        urls = self.properties.get("Queues") or [self.properties["Queue"]]
        return [sqs_backends[self.account_id][self.region].get_queue(url.split("/")[-1]) for url in urls]


class AlarmResource(Created, CloudFormationModel):
    """A metric alarm. It is described, and never fires: nothing evaluates metrics here."""

    TYPE = "AWS::CloudWatch::Alarm"
    NAME_PROPERTY = "AlarmName"

    def put(self) -> None:
        properties = self.properties
        queries = [
            MetricDataQuery(
                query["Id"],
                query.get("Label", ""),
                query.get("Period", ""),
                query.get("ReturnData", True),
                query.get("Expression"),
            )
            for query in properties.get("Metrics", [])
        ]
        alarm = cloudwatch_backends[self.account_id][self.region].put_metric_alarm(
            name=self.name,
            namespace=properties.get("Namespace"),  # type: ignore[arg-type] # moto: absent with Metrics
            metric_name=properties.get("MetricName"),  # type: ignore[arg-type] # moto: absent with Metrics
            comparison_operator=properties["ComparisonOperator"],
            evaluation_periods=int(properties["EvaluationPeriods"]),
            period=int(properties.get("Period", 60)),
            threshold=float(properties.get("Threshold", 0)),
            statistic=properties.get("Statistic"),  # type: ignore[arg-type] # moto: absent with ExtendedStatistic
            description=properties.get("AlarmDescription", ""),
            dimensions=properties.get("Dimensions", []),
            alarm_actions=properties.get("AlarmActions", []),
            metric_data_queries=queries or None,
            datapoints_to_alarm=properties.get("DatapointsToAlarm"),
            extended_statistic=properties.get("ExtendedStatistic"),
            ok_actions=properties.get("OKActions", []),
            insufficient_data_actions=properties.get("InsufficientDataActions", []),
            unit=properties.get("Unit"),
            treat_missing_data=properties.get("TreatMissingData"),
        )
        self._arn = alarm.alarm_arn

    def remove(self) -> None:
        cloudwatch_backends[self.account_id][self.region].delete_alarms([self.name])

    def attributes(self) -> dict[str, Any]:
        return {"Arn": self._arn}


class EventInvokeConfigResource(Created, CloudFormationModel):
    """How a function's asynchronous invocations are retried, and where those go that fail."""

    TYPE = "AWS::Lambda::EventInvokeConfig"

    def put(self) -> None:
        config = {
            name: int(value) if name.startswith("Maximum") else value
            for name, value in self.properties.items()
            if name not in ("FunctionName", "Qualifier")
        }
        backend = lambda_backend(self.account_id, self.region)
        backend.put_function_event_invoke_config(self.properties["FunctionName"], config)

    def remove(self) -> None:
        backend = lambda_backend(self.account_id, self.region)
        backend.delete_function_event_invoke_config(self.properties["FunctionName"])


class BucketPolicyResource(Created, CloudFormationModel):
    """Recorded only.

    moto enforces a bucket's policy without its conditions, so that the one which `sam deploy` gives its bucket (deny
    what does not come over TLS) would deny everything.
    """

    TYPE = "AWS::S3::BucketPolicy"


class Extended:
    """A type of moto's that it creates or updates only in part: what is not overridden is moto's."""

    MODEL: ClassVar[Any]

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return str(cls.MODEL.cloudformation_name_type() or "")

    @classmethod
    def cloudformation_type(cls) -> str:
        return str(cls.MODEL.cloudformation_type())

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return bool(cls.MODEL.has_cfn_attr(attr))

    @classmethod
    def create_from_cloudformation_json(cls, *args: Any, **options: Any) -> Any:
        return cls.MODEL.create_from_cloudformation_json(*args, **options)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        cls.change(original_resource, cloudformation_json["Properties"], account_id, region_name)
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *args: Any, **options: Any) -> None:
        delete = cls.MODEL.delete_from_cloudformation_json
        if not hasattr(delete, "__isabstractmethod__"):
            delete(*args, **options)

    @classmethod
    def change(cls, resource: Any, properties: dict[str, Any], account_id: str, region: str) -> None:
        """Make an existing resource what the properties say, in place."""
        raise NotImplementedError


class QueueResource(Extended, CloudFormationModel):
    """moto updates two of a queue's attributes."""

    MODEL = Queue

    @classmethod
    def change(cls, resource: Any, properties: dict[str, Any], account_id: str, region: str) -> None:
        tags = properties.pop("Tags", [])
        if "RedrivePolicy" not in properties:
            properties["RedrivePolicy"] = {}
        resource._set_attributes({**properties, "Policy": resource.policy})
        resource.tags = {tag["Key"]: tag["Value"] for tag in tags}


class DashboardResource(Created, CloudFormationModel):
    """moto gives a dashboard without a name one at random, and a Ref that is not its name."""

    TYPE = "AWS::CloudWatch::Dashboard"
    NAME_PROPERTY = "DashboardName"

    def put(self) -> None:
        json.loads(self.properties["DashboardBody"])  # PutDashboard refuses what is not JSON
        backend = cloudwatch_backends[self.account_id][self.region]
        backend.put_dashboard(name=self.name, body=self.properties["DashboardBody"])

    def remove(self) -> None:
        cloudwatch_backends[self.account_id][self.region].delete_dashboards([self.name])


class TableResource(Extended, CloudFormationModel):
    """moto ignores time to live and point-in-time recovery, and has no update: it would lose the items."""

    MODEL = Table

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Any:
        table = Table.create_from_cloudformation_json(resource_name, cloudformation_json, account_id, region_name)
        cls.change(table, cloudformation_json["Properties"], account_id, region_name)
        return table

    @classmethod
    def change(cls, resource: Any, properties: dict[str, Any], account_id: str, region: str) -> None:
        if properties.get("KeySchema") and properties["KeySchema"] != resource.schema:
            raise ValueError("the sandbox does not replace a table whose key schema changes")
        backend = dynamodb_backends[account_id][region]
        lives = properties.get("TimeToLiveSpecification")
        if lives:
            backend.update_time_to_live(resource.name, {**lives, "Enabled": _truth(lives["Enabled"])})
        recovery = properties.get("PointInTimeRecoverySpecification") or {}
        enabled = _truth(recovery.get("PointInTimeRecoveryEnabled", False))
        backend.update_continuous_backups(resource.name, {"PointInTimeRecoveryEnabled": enabled})
        resource.deletion_protection_enabled = _truth(properties.get("DeletionProtectionEnabled", False))
        resource.billing_mode = properties.get("BillingMode", "PROVISIONED")


class LogGroupResource(Extended, CloudFormationModel):
    """moto has no update: it would lose the logs."""

    MODEL = LogGroup

    @classmethod
    def change(cls, resource: Any, properties: dict[str, Any], account_id: str, region: str) -> None:
        resource.set_retention_policy(properties.get("RetentionInDays"))
        resource.kms_key_id = properties.get("KmsKeyId")


class RoleResource(Extended, CloudFormationModel):
    """moto keeps inline policies as they are written, unchecked, attaches no managed ones and updates none of them."""

    MODEL = Role

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        bare = {name: value for name, value in properties.items() if name != "Policies"}
        role = Role.create_from_cloudformation_json(resource_name, {"Properties": bare}, account_id, region_name)
        cls.change(role, properties, account_id, region_name)
        return role

    @classmethod
    def change(cls, resource: Any, properties: dict[str, Any], account_id: str, region: str) -> None:
        backend = iam_backends[account_id][_PARTITION]
        trust = properties["AssumeRolePolicyDocument"]
        resource.assume_role_policy_document = trust if isinstance(trust, str) else json.dumps(trust, default=str)
        for name in list(resource.policies):
            resource.delete_policy(name)
        for policy in properties.get("Policies", []):
            document = json.dumps(policy["PolicyDocument"], default=str)
            backend.put_role_policy(resource.name, policy["PolicyName"], document)
        wanted = set(properties.get("ManagedPolicyArns", []))
        for arn in set(resource.managed_policies) - wanted:
            backend.detach_role_policy(arn, resource.name)
        for arn in wanted - set(resource.managed_policies):
            backend.attach_role_policy(arn, resource.name)


class ManagedPolicyResource(Extended, CloudFormationModel):
    """moto has neither an update nor a deletion."""

    MODEL = ManagedPolicy

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        properties["PolicyDocument"] = json.loads(json.dumps(properties["PolicyDocument"], default=str))
        return ManagedPolicy.create_from_cloudformation_json(
            resource_name, cloudformation_json, account_id, region_name
        )

    @classmethod
    def change(cls, resource: Any, properties: dict[str, Any], account_id: str, region: str) -> None:
        document = json.dumps(properties["PolicyDocument"], default=str)
        backend = iam_backends[account_id][_PARTITION]
        backend.create_policy_version(resource.arn, document, True)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> None:
        iam_backends[account_id][_PARTITION].delete_policy(resource_name)


class FunctionResource(Extended, CloudFormationModel):
    """moto drops architecture, tags, tracing and more from a function, and keeps numbers given as text."""

    MODEL = LambdaFunction

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Any:
        specification = _function_specification(cloudformation_json["Properties"])
        return lambda_backend(account_id, region_name).create_function({**specification, "FunctionName": resource_name})

    @classmethod
    def change(cls, resource: Any, properties: dict[str, Any], account_id: str, region: str) -> None:
        specification = _function_specification(properties)
        specification.setdefault("Environment", {"Variables": {}})
        resource.update_configuration(specification)
        resource.update_function_code(specification["Code"])
        resource.reserved_concurrency = specification.get("ReservedConcurrentExecutions")
        resource.tags = specification["Tags"]


class EventSourceMappingResource(Extended, CloudFormationModel):
    """moto takes numbers and booleans only as such, and finds no attribute of a mapping."""

    MODEL = EventSourceMapping

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Any:
        specification = _mapping_specification(cloudformation_json["Properties"])
        return lambda_backend(account_id, region_name).create_event_source_mapping(specification)

    @classmethod
    def change(cls, resource: Any, properties: dict[str, Any], account_id: str, region: str) -> None:
        specification = _mapping_specification(properties)
        specification.setdefault("Enabled", True)
        specification.setdefault("ScalingConfig", None)
        lambda_backend(account_id, region).update_event_source_mapping(resource.uuid, specification)


def _function_specification(properties: dict[str, Any]) -> dict[str, Any]:
    specification = dict(properties)
    for name in ("MemorySize", "Timeout", "ReservedConcurrentExecutions"):
        if name in specification:
            specification[name] = int(specification[name])
    variables = specification.get("Environment", {}).get("Variables", {})
    specification["Environment"] = {"Variables": {name: _text(value) for name, value in variables.items()}}
    specification["Tags"] = {tag["Key"]: tag["Value"] for tag in specification.get("Tags", [])}
    code = dict(specification["Code"])
    if "ZipFile" in code:
        # CloudFormation's ZipFile is the text of one source file.
        archive = LambdaFunction._create_zipfile_from_plaintext_code(code["ZipFile"])
        code["ZipFile"] = base64.b64encode(archive)
    specification["Code"] = code
    return specification


def _mapping_specification(properties: dict[str, Any]) -> dict[str, Any]:
    specification = dict(properties)
    for name in ("BatchSize", "MaximumBatchingWindowInSeconds"):
        if name in specification:
            specification[name] = int(specification[name])
    if "Enabled" in specification:
        specification["Enabled"] = _truth(specification["Enabled"])
    scaling = specification.get("ScalingConfig") or {}
    if "MaximumConcurrency" in scaling:
        specification["ScalingConfig"] = {"MaximumConcurrency": int(scaling["MaximumConcurrency"])}
    if isinstance(specification.get("Tags"), list):
        specification["Tags"] = {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
    return specification


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _truth(value: Any) -> bool:
    return str(value).lower() == "true"
