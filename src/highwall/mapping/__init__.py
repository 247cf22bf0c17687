"""Maps a scene of any size: overlapping windows, one predictor, no seam."""
