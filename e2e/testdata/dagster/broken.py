"""The third code location, which does not load: what is asked of it must be judged all the same."""

raise RuntimeError("this code location does not load")
