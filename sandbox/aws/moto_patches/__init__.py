"""The gaps of moto that matter here, and how each is closed.

A patch is a function that replaces one of moto's. Its docstring says what moto does without the patch. For each patch a
test in tests/integration/sandbox/aws/moto_patches/test_apply.py fails when moto has closed the gap. Resource types that
moto's CloudFormation lacks are in `sandbox.aws.cloudformation`.
"""
