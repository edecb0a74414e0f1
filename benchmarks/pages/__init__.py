"""How soon the web pages are seen, and what they weigh."""
