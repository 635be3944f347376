-- The database roles of Nesoi. `manage.py migrate` makes them itself when its login may create roles (CREATEROLE). On a managed
-- PostgreSQL where it may not, an administrator runs this once, with the login that migrates and owns the tables:
--     psql --set=migrator=nesoi --file=deploy/roles.sql
-- All three obey row-level security. nesoi_web sees the rows of the tenant that its transaction names; nesoi_platform, which
-- a web transaction becomes for the platform's team, and nesoi_worker see every tenant's.

CREATE ROLE nesoi_web NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
CREATE ROLE nesoi_platform NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
CREATE ROLE nesoi_worker NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
GRANT nesoi_platform TO nesoi_web WITH INHERIT FALSE, SET TRUE;
GRANT nesoi_web, nesoi_platform TO nesoi_worker WITH INHERIT FALSE, SET TRUE;
GRANT nesoi_worker TO :"migrator" WITH INHERIT TRUE, SET TRUE;
GRANT nesoi_web, nesoi_platform TO :"migrator" WITH INHERIT FALSE, SET TRUE;

-- In production each kind of process logs in as its role: a session that only assumed a role (DATABASE_ROLE) could give it back.
-- Set the passwords, put each login into that process's DATABASE_URL, and leave DATABASE_ROLE empty:
--     ALTER ROLE nesoi_web LOGIN PASSWORD '...';     -- web
--     ALTER ROLE nesoi_worker LOGIN PASSWORD '...';  -- worker, beat, observer
