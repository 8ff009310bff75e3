"""The gaps of moto that matter here, and how each is closed.

Each mend is one function that takes the place of one of moto's, and its docstring says what moto does without it.
tests/integration/sandbox/aws holds a test for each that fails when moto no longer needs it. Resource types that moto's
CloudFormation lacks are in sandbox/aws/cloudformation/resources.py.
"""
