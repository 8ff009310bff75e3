"""Settings of Hypothesis for the property tests: 100 examples for each test."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,  # the machine may be busy
    print_blob=True,  # a failure can be repeated from the output alone
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")
