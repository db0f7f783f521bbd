"""What `cli.py knowledge select` is made of."""
