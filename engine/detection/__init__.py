"""Experiments on finding wrong pairs: planted or recorded noise, judged signals, cleaning and its worth."""
