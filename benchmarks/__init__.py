"""Measurements that anyone can rerun: peers side by side in one run, medians, ratios."""
