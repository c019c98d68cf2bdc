"""The systems that are measured, each driven as its own quick start says, by one command line."""
