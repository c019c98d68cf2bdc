"""Web pages: the words that a reader sees."""
