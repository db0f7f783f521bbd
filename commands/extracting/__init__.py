"""What `cli.py knowledge extract` is made of."""
