"""A finished run held to what it states: facts, links, scores computed again, replays."""
