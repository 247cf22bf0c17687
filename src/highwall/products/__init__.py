"""What a map leaves: rasters, polygons, and the files that describe them."""
