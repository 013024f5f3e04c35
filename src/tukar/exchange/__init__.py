"""Between hubs: what two of them hand to each other, and how both come to the same end."""
