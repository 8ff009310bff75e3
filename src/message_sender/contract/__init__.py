"""The producer's contract: what a message may be."""
