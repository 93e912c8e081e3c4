"""The fault catalogue: blame × phase × code, and a sentence for each reader. One file (`catalogue.toml`) is the source."""
