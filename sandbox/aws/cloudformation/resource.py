"""One resource of a stack, made by moto."""

from __future__ import annotations

import copy
import secrets
from typing import Any, ClassVar

from moto.cloudformation.parsing import get_model_map, resource_name_property_from_type
from moto.core.models import DEFAULT_ACCOUNT_ID

from sandbox.aws.callers import REGION

# The longest name that CloudFormation generates for a type, where that is shorter than stack and logical id together.
_NAME_LENGTHS = {
    "AWS::IAM::Role": 64,
    "AWS::IAM::ManagedPolicy": 64,
    "AWS::Lambda::Function": 64,
    "AWS::Events::Rule": 64,
    "AWS::S3::Bucket": 63,
    "AWS::SQS::Queue": 75,  # 80 without ".fifo"
}

Properties = dict[str, Any]


class Resource:
    """One resource.

    logical_resource_id, cf_resource_type: its id and type in the template (these names are moto's)
    name: the physical name that the template gives or that was generated
    properties: without functions, to compare with on an update
    model: moto's object, once it is created

    A subclass for a type overrides what moto lacks or does only in part.
    """

    NAME_PROPERTY: ClassVar[str | None] = None

    def __init__(self, logical_id: str, resource_type: str, stack_name: str, properties: Properties) -> None:
        self.logical_resource_id = logical_id
        self.cf_resource_type = resource_type
        self.properties = properties
        self.given_name = properties.get(self.NAME_PROPERTY or resource_name_property_from_type(resource_type) or "")
        self.name = self.given_name or self._generated_name(stack_name)
        self.deletion_policy = "Delete"
        self.model: Any = None

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` of the resource is."""
        return str(getattr(self.model, "physical_resource_id", None) or self.name)

    def attribute(self, name: str) -> Any:
        """Return what `Fn::GetAtt` of the resource is; any exception when it has no such attribute."""
        return self.model.get_cfn_attribute(name)

    def create(self) -> None:
        """Create the resource."""
        self.model = self._model_type.create_from_cloudformation_json(
            self.name, self._definition, DEFAULT_ACCOUNT_ID, REGION, LogicalId=self.logical_resource_id
        )

    def update(self, properties: Properties) -> None:
        """Make the resource what the properties say. Here: by a new one of the same name."""
        self.delete()
        self.properties = properties
        self.create()

    def delete(self) -> None:
        """Delete the resource."""
        delete = self._model_type.delete_from_cloudformation_json
        if not hasattr(delete, "__isabstractmethod__"):
            delete(self.physical_resource_id, self._definition, DEFAULT_ACCOUNT_ID, REGION)
        elif hasattr(self.model, "delete"):
            self.model.delete(DEFAULT_ACCOUNT_ID, REGION)

    @property
    def _model_type(self) -> Any:
        return get_model_map()[self.cf_resource_type]

    @property
    def _definition(self) -> dict[str, Any]:
        # A copy, because some of moto's models change what they are given.
        return {"Type": self.cf_resource_type, "Properties": copy.deepcopy(self.properties)}

    def _generated_name(self, stack_name: str) -> str:
        suffix = f"-{secrets.token_hex(6).upper()}"
        longest = _NAME_LENGTHS.get(self.cf_resource_type, 255) - len(suffix)
        name = f"{stack_name}-{self.logical_resource_id}"[:longest] + suffix
        if self.cf_resource_type == "AWS::S3::Bucket":
            return name.lower()
        is_fifo = self.cf_resource_type == "AWS::SQS::Queue" and truth(self.properties.get("FifoQueue"))
        return f"{name}.fifo" if is_fifo else name


def truth(value: Any) -> bool:
    """Read a boolean, which a template may give as text."""
    return str(value).lower() == "true"
