"""What pages are made of: the gallery, cards of predictions, score bars, and boxes for empty and broken states."""
