"""What `cli.py train` is made of: from problems to a trainer, and from a run to its record."""
