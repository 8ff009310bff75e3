"""The commands, one module for each: they read the options, call the modules above, and print words or JSON."""
