"""The tenants' console: HTML pages, live without a reload. `views/<noun>.py` holds each noun, templates lie in templates/console/."""
