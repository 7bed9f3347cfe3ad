"""Worker processes that share work, and that end with their parent."""
