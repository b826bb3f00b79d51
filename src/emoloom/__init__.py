"""emoloom: choose a small language model for emotion work, and be able to prove the choice."""

__version__ = "0.1.0"
