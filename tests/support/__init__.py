"""Builders, worlds, stand-ins and small programs that several tests use."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder of the repository."""
