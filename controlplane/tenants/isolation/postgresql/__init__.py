"""Django's PostgreSQL backend (the ENGINE of the settings), whose transactions begin with the scope of their request."""
