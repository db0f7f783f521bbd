"""What `cli.py filter-data` is made of."""
