"""What pages are made of: the gallery, facts about a pair, forms, and boxes for empty and broken states."""
