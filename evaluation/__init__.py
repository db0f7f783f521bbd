"""A model and problems in, measured numbers out. Uses `data` and `rewards`, never `trainers`."""
