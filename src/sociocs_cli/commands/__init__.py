"""The commands: options in, words or JSON out. What they do stands in the modules above."""
