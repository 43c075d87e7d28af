"""What administrators read when something they ask for is refused."""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.text import Text

ADMINISTERING: Mapping[str, Text] = {
    "bulk_empty": Text(
        "Nothing is chosen",
        "No authorization was chosen, so there is nothing to do.",
        "Please tick some in the list first.",
    ),
    "bulk_too_many": Text(
        "Too many at once",
        "More authorizations were chosen than are taken at once.",
        "Please choose fewer, and the others afterwards.",
    ),
    # Backups.
    "backup_missing": Text(
        "There is no backup",
        "There is no backup here that came to its end.",
        "Name the directory that was given to dcarbon backup.",
    ),
    "backup_damaged": Text(
        "A backup is damaged",
        "The backup is not as it was written, and nothing was restored.",
        "Take another one by --name, and look at the disk it lies on.",
    ),
    "backup_newer": Text(
        "The backup is of a later version",
        "The backup was made by a version newer than this.",
        "Restore it with that version.",
    ),
    "backup_place_taken": Text(
        "The directory holds something else",
        "The directory is neither empty nor one of backups of DCarbon, or a backup of this very "
        "second is there. Nothing was written.",
        "Name an empty directory, or one that holds backups.",
    ),
    "backup_place_unusable": Text(
        "The directory cannot be written",
        "The backup could not be written into the directory, and was taken back.",
        "Look at its rights and its disk.",
    ),
    "backup_of_nothing": Text(
        "There is nothing to back up",
        "The database has no tables of DCarbon.",
        "Look at DCARBON_DATABASE_URL and DCARBON_DIRECTORY: they say which database is meant.",
    ),
    "backup_running": Text(
        "Another backup or a migration is under way",
        "Another backup or a migration is under way, and took longer than a minute.",
        "Please try again when it is done.",
    ),
    "restore_not_empty": Text(
        "The database is not empty",
        "There are tables in the database already. Nothing is ever restored over them.",
        "Make an empty database and set DCARBON_DATABASE_URL, or without it set DCARBON_DIRECTORY "
        "to a new directory.",
    ),
    "database_tool_failed": Text(
        "The database could not be copied",
        "PostgreSQL's own program could not copy the database.",
        "Its message says why. After a restore that broke off, begin anew with an empty database.",
    ),
}
