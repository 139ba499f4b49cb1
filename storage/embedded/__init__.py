"""Starts PostgreSQL and an S3 server for `./berkas up` and the tests; no other room knows them.

`services.embedded_services(data_dir)` starts both and stops both. Nothing here is meant for production:
there the operator names servers in `BERKAS_DATABASE_URL` and `BERKAS_S3_ENDPOINT`.
"""
