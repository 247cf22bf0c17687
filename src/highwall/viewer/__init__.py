"""A local web page over maps: the picture under them, their classes, how sure they are, and what people say of them."""
