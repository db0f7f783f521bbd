"""What `cli.py evaluate` is made of."""
