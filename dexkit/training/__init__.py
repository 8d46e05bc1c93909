"""Strategy, batches, the training loop, checkpoints."""
