"""Who may ask for what: API keys, scopes and rates, and which names of the server are answered."""
