"""The Sociocs API: its client, the connection, the apikey, and the redaction of what it answers."""
