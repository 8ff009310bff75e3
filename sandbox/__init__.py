"""The function's surroundings on one machine: AWS, Sociocs, and Lambda between them. `python -m sandbox --help`."""
