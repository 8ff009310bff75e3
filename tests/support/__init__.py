"""What the tests share: builders, worlds, stand-ins and the programs that they start."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
