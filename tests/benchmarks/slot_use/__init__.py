"""How much of the slots' time three rules turn into work: the ideal one, the article's and ours, on the same load."""
