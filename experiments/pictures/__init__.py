"""Pictures and animations of what a champion does."""
