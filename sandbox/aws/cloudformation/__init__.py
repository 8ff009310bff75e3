"""CloudFormation as the local AWS endpoint does it: a raw SAM template becomes moto's resources.

functions.py   the intrinsic functions
parameters.py  the parameters' values, checked by their declarations and by the template's rules
template.py    text + parameters -> a plain template (transform, conditions, mappings and parameters are resolved)
resource.py    one resource, as moto makes it
resources.py   the resource types that moto lacks or makes only in part
engine.py      plain template -> resources, each after what it needs; created, updated, deleted
"""
