"""What the service keeps: API keys and jobs, in SQLite or PostgreSQL."""
