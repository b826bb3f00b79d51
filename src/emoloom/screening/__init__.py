"""Floors, ranking and the best set."""
