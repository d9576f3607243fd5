"""The nouns of the pipeline and their storage; never imports the stages."""
