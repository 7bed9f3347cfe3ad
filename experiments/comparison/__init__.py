"""Evolution beside gradient-trained networks."""
