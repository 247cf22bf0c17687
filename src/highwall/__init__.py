"""Finds waste dumps, quarry pits and tailings ponds in Sentinel-2 imagery."""
