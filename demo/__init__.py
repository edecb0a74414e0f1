"""`make demo`: a really backdoored classifier, repaired and served through the public API."""
