"""One file per subcommand of `cli.py`: look up, build, run. The only place that wires the packages below together."""
