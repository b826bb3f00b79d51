"""Scores of answers against gold rows, and their uncertainty."""
