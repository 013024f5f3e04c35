"""The hub driven by the stock clients, each in its own environment and process."""
