"""From answers to scores, comparisons, rungs, the best set and the leaderboard."""
