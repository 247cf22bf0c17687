"""What answers for pixels: networks (level 1) and the forest (level 2)."""
