"""Who may ask, and how: tenants, the catalog, and the faces (REST API, console)."""
