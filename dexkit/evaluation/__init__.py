"""Splits, metrics, evaluation of runs."""
