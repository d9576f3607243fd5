"""From a recording to its words, and from words to everything that Symbl called conversation intelligence."""
