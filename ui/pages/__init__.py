"""The pages of the web face, one a file."""
