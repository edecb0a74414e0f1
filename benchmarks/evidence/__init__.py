"""How often the verdict of trigger-free evidence is wrong."""
