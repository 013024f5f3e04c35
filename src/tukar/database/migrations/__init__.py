"""How the schema became what it is: one script a change, run by `tukar.database.migrate`.

A change of any package's tables takes a new script in ``versions``, written by hand with explicit DDL (this package
knows no other's tables, and what a script does must not change when they do), and ``migrate.HEAD`` raised to it.
``tests/database/test_migrations.py`` compares what the scripts make with what the packages declare.

Scripts run with foreign keys enforced. SQLite deletes what refers to the rows of a table that is dropped, so no script
may drop and remake a table that others refer to: add columns, or make a new table beside it.

There is no way down: to go back, restore the backup that was made before.
"""
