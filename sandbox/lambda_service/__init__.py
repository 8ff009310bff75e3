"""The Lambda service on this machine: execution environments, invocations, the event source mapping."""
