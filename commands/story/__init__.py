"""The parts of the story that `cli.py show` tells."""
