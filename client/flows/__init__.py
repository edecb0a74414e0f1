"""What takes several calls: uploads that survive, waiting, whole lists, a defense from files."""
