"""What ``dcarbon doctor`` says beside what the System page says, by stable code.

``{…}`` stands for a name or a number of the moment, never for a secret. What is good needs nothing
done, and says so by having no second sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.system_words import PARTS, State
from dcarbon.domain.text import Text

DOCTOR_STATES: Mapping[State, str] = {
    State.WRONG: "Problem",
    State.WATCH: "Warning",
    State.GOOD: "OK",
}

DOCTOR_PARTS: Mapping[str, str] = {
    "python": "Python",
    "ports": "Ports",
    "files": "Files",
    "landing": "Landing zone",
    "address": "Public address",
    **PARTS,
}
"""Names of all parts a finding can be about."""

_SETTINGS_GUIDE = "docs/guides/settings.md says what each setting means."

_MACHINE: Mapping[str, Text] = {
    "python_good": Text("Python fits", "This is Python {found}.", ""),
    "python_other": Text(
        "Another Python than DCarbon needs",
        "This is Python {found}; DCarbon needs {needed}.",
        "Install Python {needed} and set it up anew: make clean, then make setup.",
    ),
    "packages_good": Text(
        "The packages are the locked ones", "Installed as locked: {count} packages.", ""
    ),
    "packages_unknown": Text(
        "The packages were not compared",
        "DCarbon is installed without its lock (requirements/runtime.txt).",
        "",
    ),
    "packages_missing": Text("Packages are missing", "Not installed: {names}.", "Run: make setup"),
    "packages_other": Text(
        "Some packages have other versions than the lock",
        "Installed are {names}. DCarbon is tested with the locked versions.",
        "Run: make setup",
    ),
    "ports_good": Text("The ports are free", "Free on this machine: {ports}.", ""),
    "ports_ours": Text(
        "DCarbon runs on this machine", "It answers at {web}, and Dagster at {dagster}.", ""
    ),
    "port_taken": Text(
        "Port {port} is taken",
        "Another program listens on port {port}, which {setting} names.",
        "Nothing has to be done: dcarbon up takes a free port and says which. To choose one "
        "yourself, set {setting}.",
    ),
    "file_missing": Text(
        "A file is missing",
        "{setting} names {path}, which cannot be read by this user.",
        "Put the file there, correct the setting, or give this user the right to read it.",
    ),
    "place_closed": Text(
        "Not everything can be looked at",
        "This user may not read {path}, so this was not examined in full: {words}.",
        "Run dcarbon doctor as the user DCarbon runs as.",
    ),
    "file_open": Text(
        "Others can read a secret",
        "{path} holds a secret, and other users of this machine can read it (mode {mode}).",
        "Run: chmod 600 {path}",
    ),
    "files_good": Text("Secret files are for us alone", "Files looked at: {count}.", ""),
    "certificate_unreadable": Text(
        "A file holds no certificate",
        "{setting} names {path}, in which no certificate can be read.",
        "Put the PEM file there that you were given.",
    ),
    "certificate_ended": Text(
        "A certificate has ended",
        "The certificate of {whose} ended on {day}: connections that rest on it fail.",
        "Renew it and put the new one in its place.",
    ),
    "certificate_ending": Text(
        "A certificate ends soon",
        "The certificate of {whose} ends on {day}.",
        "Renew it before that day.",
    ),
}

_SETTINGS: Mapping[str, Text] = {
    "settings_good": Text(
        "The settings can be used", "Settings given: {count}. None contradicts another.", ""
    ),
    "settings_wrong": Text(
        "A setting is wrong", "{said}", f"Correct or remove it. {_SETTINGS_GUIDE}"
    ),
    "settings_first": Text(
        "The rest was not looked at",
        "Database, keys, mail and utilities depend on the settings.",
        "Put the settings right, then run dcarbon doctor again.",
    ),
    "settings_two_rings": Text(
        "The keys are given twice",
        "DCARBON_SEAL_KEYS and DCARBON_SEAL_KEYS_FILE are both set; the file is not read.",
        "Remove one of them. The file is the better place: running processes see new keys in it.",
    ),
    "settings_owner_alone": Text(
        "An owner without a database",
        "DCARBON_OWNER_DATABASE_URL is set and DCARBON_DATABASE_URL is not: migrations would "
        "change another database than the one that is used.",
        "Set DCARBON_DATABASE_URL to the same database, or remove the other setting.",
    ),
    "settings_two_databases": Text(
        "Two settings name different databases",
        "DCARBON_OWNER_DATABASE_URL leads to {owner}, DCARBON_DATABASE_URL to {working}.",
        "Let both name the same server and database; only user and password differ.",
    ),
    "settings_sender": Text(
        "Mail has no sender",
        "DCARBON_MAIL_HOST is set and DCARBON_MAIL_FROM is not.",
        "Set it, as DCarbon <mail@dcarbon.example>. Answers to it have to reach a person.",
    ),
    "settings_mail_login": Text(
        "Half of a mail login is given",
        "Only one of DCARBON_MAIL_USERNAME and DCARBON_MAIL_PASSWORD is set, so neither is used.",
        "Set both, or neither.",
    ),
    "settings_mail_port": Text(
        "Mail port and security do not fit",
        "Port {port} is usually for {usual}, and DCARBON_MAIL_SECURITY is {chosen}.",
        "Ask whoever runs the mail server; 587 goes with starttls, 465 with tls.",
    ),
    "settings_address": Text(
        "The public address is not one",
        "DCARBON_PUBLIC_URL is {address}.",
        "Write it as https://dcarbon.example: scheme, host and port if need be, nothing behind.",
    ),
    "settings_address_default": Text(
        "The public address is not set",
        "DCARBON_PUBLIC_URL is not set, so links in mails lead to {address}, which only works on "
        "this machine.",
        "Set it to the address that people's browsers reach.",
    ),
    "settings_proxy": Text(
        "No proxy is believed",
        "DCARBON_PUBLIC_URL is https, so a proxy stands before the web app, but neither "
        "DCARBON_TRUSTED_PROXIES nor DCARBON_TRUSTED_NETWORKS is set: all visitors seem to come "
        "from the proxy's address and share its limits.",
        "Set DCARBON_TRUSTED_PROXIES to the number of proxies, mostly 1.",
    ),
    "settings_sessions": Text(
        "Two session settings contradict each other",
        "{shorter} is longer than {longer}, which ends the session anyway.",
        "Make {shorter} the smaller one.",
    ),
    "settings_overlap": Text(
        "The weekly overlap is shorter than the daily one",
        "DCARBON_WEEKLY_OVERLAP_DAYS is {weekly}, DCARBON_OVERLAP_DAYS is {daily}.",
        "The weekly sync is for later corrections: give it more days.",
    ),
    "settings_half_certificate": Text(
        "Half of a client certificate is given",
        "Of {provider} only one of CLIENT_CERTIFICATE and CLIENT_KEY is set.",
        "Set both: DCARBON_PROVIDERS__{key}__CLIENT_CERTIFICATE and …__CLIENT_KEY.",
    ),
    "settings_half_registration": Text(
        "A registration is not whole",
        "{provider} is set up without {missing}.",
        "Set what the utility gave you at registration: DCARBON_PROVIDERS__{key}__{missing}.",
    ),
}

_DATABASE: Mapping[str, Text] = {
    "database_not_made": Text(
        "There is no database yet",
        "The first start makes one in {place}.",
        "",
    ),
    "database_refused": Text(
        "The database cannot be reached",
        "PostgreSQL at {place}: {why}.",
        "{mend}",
    ),
    "database_old": Text(
        "PostgreSQL is too old",
        "The server is PostgreSQL {version}; DCarbon needs 15 or newer.",
        "Upgrade the server, or remove DCARBON_DATABASE_URL to use the embedded one.",
    ),
    "database_encoding": Text(
        "The database does not hold all characters",
        "Its encoding is {encoding}; DCarbon needs UTF8.",
        "Make a new database: create database dcarbon encoding 'UTF8' template template0.",
    ),
    "database_collation": Text(
        "The sort order of the server has changed",
        "The database was made with version {made} of its collation; the server now has {now}. "
        "Indexes on text may miss rows.",
        "As the owner run: reindex database, then: alter database … refresh collation version.",
    ),
    "database_read_only": Text(
        "The database takes no changes",
        "This server is {why}.",
        "Let DCARBON_DATABASE_URL name the server that is written to.",
    ),
    "database_plain": Text(
        "The database is reached without TLS",
        "Readings and personal data travel in the open between here and {place}.",
        "Add ?sslmode=verify-full to DCARBON_DATABASE_URL.",
    ),
    "database_rights": Text(
        "The database role lacks rights",
        "{role} may not use: {names}.",
        "Run dcarbon migrate as the owner of the tables (DCARBON_OWNER_DATABASE_URL): it gives "
        "the role dcarbon_app what it needs.",
    ),
    "database_extensions": Text(
        "PostgreSQL lacks extensions",
        "Not to be had on this server: {names}.",
        "Install PostgreSQL's contrib package on the server, then run: dcarbon migrate",
    ),
    "database_facts": Text(
        "The database fits",
        "Role {role}, revision {revision}, encoding {encoding}, sort order {collation}.",
        "",
    ),
    "owner_refused": Text(
        "The owner cannot reach the database",
        "PostgreSQL at {place}, by DCARBON_OWNER_DATABASE_URL: {why}.",
        "{mend}",
    ),
    "schema_none": Text(
        "The database is empty",
        "It has no table of DCarbon.",
        "Run: dcarbon migrate",
    ),
    "schema_ahead": Text(
        "The database belongs to a newer version",
        "Its schema is at {found}, which this version does not know.",
        "Use the newer version, or another database.",
    ),
    "schema_embedded": Text(
        "The database has the schema of an older version",
        "The schema is at {found}; this version needs {needed}.",
        "Nothing has to be done: the next start brings it up to date.",
    ),
    "not_running": Text(
        "DCarbon does not run at the moment",
        "Its database was looked at, and nothing else was there to ask.",
        "Start it: dcarbon up",
    ),
    "inside_unread": Text(
        "What is in the database was not looked at",
        "{said}",
        "Put right what is said above, then run dcarbon doctor again.",
    ),
}

_SERVICES: Mapping[str, Text] = {
    "keys_absent": Text(
        "There is no sealing key",
        "Tokens are sealed with keys, and none is given for this database.",
        "Make one with dcarbon keys new, keep it safe, and set DCARBON_SEAL_KEYS_FILE to its file. "
        "If this database has been used before, put its old key back instead.",
    ),
    "keys_unusable": Text(
        "The sealing keys cannot be used",
        "{said}",
        "Put the right key ring there: docs/guides/keys.md.",
    ),
    "keys_not_made": Text(
        "There is no sealing key yet", "The first start makes one in {place}.", ""
    ),
    "secrets_open": Text(
        "The keys open what they sealed", "Secrets tried: {count}. All could be opened.", ""
    ),
    "secrets_shut": Text(
        "Sealed secrets cannot be opened",
        "Of {count} secrets that were tried, {shut} cannot be opened with the keys at hand.",
        "See which key is missing or wrong with dcarbon keys list, and put the right one back: "
        "docs/guides/keys.md.",
    ),
    "landing_good": Text(
        "The landing zone can be used",
        "{place}: bytes were written, read and removed. Stored answers compared with their hash: "
        "{count}.",
        "",
    ),
    "landing_refused": Text(
        "The landing zone cannot be used",
        "{place}: {why}.",
        "Correct DCARBON_LANDING_URI, or give this user the right to write there. Nothing is "
        "collected meanwhile.",
    ),
    "payloads_damaged": Text(
        "Stored answers of utilities are damaged",
        "Of {count} that were compared with their hash, {missing} are missing and {corrupt} have "
        "other bytes.",
        "Bring the landing zone back from a backup, or set DCARBON_LANDING_URI to the place where "
        "they are.",
    ),
    "mail_stand_in": Text(
        "No mail server is set",
        "dcarbon up brings a stand-in that keeps mails in its own mailbox; no mail leaves.",
        "To send real mails, set DCARBON_MAIL_HOST and DCARBON_MAIL_FROM.",
    ),
    "mail_server_good": Text(
        "The mail server takes our connection",
        "{place} answered, over TLS, {login}.",
        "",
    ),
    "mail_server_refused": Text(
        "The mail server cannot be used",
        "{place}: {why}.",
        "{mend}",
    ),
    "address_good": Text("The public address answers", "{address} is DCarbon, {certificate}.", ""),
    "address_silent": Text(
        "The public address does not answer",
        "{address} was asked from this machine: {why}.",
        "{mend}",
    ),
    "address_other": Text(
        "Somebody else answers at the public address",
        "{address} answers, but not as DCarbon does (status {status} at /readyz).",
        "Let the proxy at DCARBON_PUBLIC_URL lead to the web app, all paths included.",
    ),
    "providers_none": Text(
        "No utility is set up",
        "Nobody can authorize anything until we are registered with a utility.",
        "Set what a utility gave you at registration (DCARBON_PROVIDERS__PGE__CLIENT_ID and the "
        "like), or try the stand-ins: dcarbon up.",
    ),
    "provider_reached": Text(
        "{provider} can be reached", "{host} answered within {milliseconds} ms.", ""
    ),
    "provider_unreached": Text(
        "{provider} cannot be reached",
        "{host}: {why}.",
        "{mend}",
    ),
    "profile_unconfirmed": Text(
        "Some of what we know of {provider} is a guess",
        "Never confirmed by the utility: {fields}.",
        "Set what the utility tells you: DCARBON_PROVIDERS__{key}__OVERRIDES__{first} and so on.",
    ),
    "clock_utility": Text(
        "Our clock differs from a utility's",
        "{host} and this machine differ by {seconds} s.",
        "Set this machine's clock by NTP.",
    ),
    "clock_utilities": Text(
        "Our clock agrees with the utilities'",
        "The greatest difference is {seconds} s, of {count} that were asked.",
        "",
    ),
    "dagster_good": Text("The Dagster UI answers", "{place} answered.", ""),
    "dagster_silent": Text(
        "The Dagster UI does not answer",
        "{place} was asked from this machine: {why}. Collecting does not depend on it.",
        "Start dagster-webserver, or set DCARBON_DAGSTER_URL to where it is.",
    ),
    "dagster_home": Text(
        "Dagster's home is not one",
        "DAGSTER_HOME is {path}, where there is no dagster.yaml: Dagster would keep its runs in "
        "files of its own.",
        "Copy dagster.yaml of the project there, or set DAGSTER_HOME to the folder that has it.",
    ),
    "dagster_storage": Text(
        "Dagster's storage has no address",
        "DAGSTER_PG_URL {why}.",
        "Set it to postgresql+psycopg2://user:password@host/dagster, a database of its own.",
    ),
}

DOCTOR: Mapping[str, Text] = {**_MACHINE, **_SETTINGS, **_DATABASE, **_SERVICES}
