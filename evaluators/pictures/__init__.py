"""Pictures of episodes: shapes drawn as pixels, and films of them."""
