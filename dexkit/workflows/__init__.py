"""What the commands do, as single public calls: fit, predict, demo."""
