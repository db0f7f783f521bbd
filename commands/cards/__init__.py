"""Cards for the Hub: the page of a run, which goes with its model, and what the page of a data set shares with it."""
