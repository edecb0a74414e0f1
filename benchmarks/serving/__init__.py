"""``make bench-serve``: the service's inference beside LitServe and BentoML, in one run."""
