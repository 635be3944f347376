"""The tenants' console: HTML pages, live without a reload.

`views/<noun>.py` parse, call one service and answer; `presenters/` turn rows into what a page shows, without asking
the database; `fields/` draws and reads a form from a plan's JSON Schema; templates lie in templates/console/.
Everything works without JavaScript; live parts are htmx polls that are answered 204 while nothing has changed.
"""
