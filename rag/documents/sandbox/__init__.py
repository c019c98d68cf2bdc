"""Loaders in a process of their own: limits, what they may do, and what is believed of them."""
