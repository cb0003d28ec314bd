"""The parts of the Ask page: the picture, the wait, the answer."""
