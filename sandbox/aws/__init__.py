"""AWS on this machine: moto in a process of its own, with patches."""
