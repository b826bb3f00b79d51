"""What a screen will cost: counts, probes, forecast, budget, and planned against spent."""
