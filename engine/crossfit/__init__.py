"""Cross-fitting: every pair is scored by heads that did not train on it."""
