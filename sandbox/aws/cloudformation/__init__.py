"""CloudFormation as the local AWS endpoint does it: a raw SAM template in, moto's resources out.

    template.py   text + parameters -> a plain template (Serverless transform, conditions, mappings, parameters done)
    engine.py     plain template -> resources, each after what it needs; created, updated, deleted
    resources.py  the resource types that moto lacks or does only in part

Importing `resources` registers its types with moto, so it is imported by `sandbox.aws.moto_patches.apply` only.
"""
