"""Areas as they are on the ground, from a map and a sample of points that people have looked at."""
