raise RuntimeError("the secret of this child stays in the log")
