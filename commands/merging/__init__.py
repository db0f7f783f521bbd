"""What `cli.py merge` is made of."""
