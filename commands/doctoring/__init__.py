"""What `cli.py doctor` looks at, each in a few seconds and without changing anything."""
