"""The embedded default: a tiny model that ships with the project, so that everything runs without the Hub."""

from pathlib import Path

MODEL = Path(__file__).resolve().parent / "model"
