"""Network assembly from encoders and a head; baselines; saving and loading a bundle."""
