#!/bin/sh
# Run once by the image of PostgreSQL, on an empty data folder: an owner for migrations, and a role for the application that owns nothing.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
  --set=owner="$(cat "$OWNER_PASSWORD_FILE")" --set=app="$(cat "$APP_PASSWORD_FILE")" <<'SQL'
CREATE ROLE berkas_owner LOGIN PASSWORD :'owner';
CREATE ROLE berkas_app LOGIN PASSWORD :'app';
CREATE DATABASE berkas OWNER berkas_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE berkas FROM PUBLIC;
GRANT CONNECT ON DATABASE berkas TO berkas_app;
SQL
