"""Decide: whom it touches, where each change comes from, what is dangerous, who may act. Values in, values out."""
