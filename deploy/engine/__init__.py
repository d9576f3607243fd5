"""A server with Symbl's Async contract that analyses real recordings on an ordinary CPU."""
