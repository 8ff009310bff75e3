"""`make soak`: minutes of faults under load, then the account of each message."""
