"""Where a model comes from: names, hubs, wheels, GGUF files, and the cache of whole folders."""
