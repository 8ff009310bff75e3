"""How many examples the property tests try: enough to find something new now and then, few enough to run each time."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,  # the machine may be busy
    print_blob=True,  # a failure can be repeated from the output alone
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")
