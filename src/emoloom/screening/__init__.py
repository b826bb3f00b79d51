"""Candidates and floors, and the units of work that each one takes."""
