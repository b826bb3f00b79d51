"""The winner of a run as a model that people can use."""
