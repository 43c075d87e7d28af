"""What the System page says, by stable code: how a part of the house is, and what to do about it.

``{…}`` stands for a name or a number of the moment. What is good needs nothing done, and says so by
having no second sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from dcarbon.domain.text import Text


class State(StrEnum):
    """How urgent something is, the worst first."""

    WRONG = "wrong"
    WATCH = "watch"
    GOOD = "good"


STATES: Mapping[State, str] = {
    State.WRONG: "Wrong now",
    State.WATCH: "Keep an eye on it",
    State.GOOD: "Works",
}

PARTS: Mapping[str, str] = {
    "database": "Database",
    "disk": "Disk",
    "store": "Object store",
    "pipelines": "Pipelines (Dagster)",
    "syncs": "Syncs",
    "orders": "Work orders",
    "providers": "Utilities",
    "mail": "Mail",
    "keys": "Sealing keys",
    "audit": "Audit log",
    "clock": "Clock",
    "settings": "Settings",
}
"""The parts of the house in the order they are shown."""

_BY_ITSELF = "You need not do anything: it is tried again by itself."

SYSTEM: Mapping[str, Text] = {
    "database_good": Text(
        "The database answers",
        "PostgreSQL {version} answered in {milliseconds} ms. The data takes {size}; {connections} "
        "of {most} connections are open.",
        "",
    ),
    "database_slow": Text(
        "The database is slow",
        "PostgreSQL took {milliseconds} ms for a question that takes a few.",
        "Look at the load of its machine and at long statements (pg_stat_activity).",
    ),
    "connections_short": Text(
        "The database runs out of connections",
        "{connections} of {most} connections are open. Beyond the last one, pages and runs fail.",
        "Raise max_connections of the server, or run fewer workers and runs at once.",
    ),
    "schema_other": Text(
        "The database has the schema of another version",
        "The schema is at {found}; this version needs {needed}.",
        "Run: dcarbon migrate. Then start all processes again with the same version.",
    ),
    "disk_good": Text(
        "There is room on the disk",
        "{free} of {total} are free where {place} are kept.",
        "",
    ),
    "disk_short": Text(
        "The disk is filling up",
        "{free} of {total} are left where {place} are kept.",
        "Give it more room within the next days. Payloads and readings are never removed to gain "
        "room.",
    ),
    "disk_full": Text(
        "The disk is almost full",
        "Only {free} of {total} are left where {place} are kept. Syncs stop when it is full; what "
        "is stored stays.",
        "Give it more room now.",
    ),
    "disk_read_only": Text(
        "Nothing can be written",
        "The folder where {place} are kept cannot be written by this process.",
        "Give the user that DCarbon runs as the right to write there, or see whether the disk was "
        "mounted read-only.",
    ),
    "store_good": Text(
        "The object store answers",
        "It answered in {milliseconds} ms. The utilities' answers are kept in {place}.",
        "",
    ),
    "store_unavailable": Text(
        "The object store cannot be used",
        "The utilities' answers are kept in {place}: {reason}. Syncs stop meanwhile; work orders "
        "wait and are kept.",
        "See whether it runs, whether DCARBON_LANDING_URI names it rightly, and whether the "
        "credentials of this process may list, read, write and delete there.",
    ),
    "pipelines_good": Text(
        "Dagster works",
        "Its daemon evaluated our sensors {ago}.",
        "",
    ),
    "pipelines_silent": Text(
        "Dagster has stopped",
        "Its last sign of life was {ago}. Nothing is collected, ended or rotated meanwhile; work "
        "orders wait and are kept.",
        "Start the Dagster daemon and its code location, or look into their logs. If they run, see "
        "in the Dagster UI whether the sensor pipelines_live is switched on.",
    ),
    "pipelines_never": Text(
        "Dagster was never seen",
        "The pipelines have never written that they work, so nothing is collected.",
        "Start the Dagster daemon and its code location with the same settings as the web app.",
    ),
    "nightly_sync_off": Text(
        "The nightly sync is switched off",
        "The setting DCARBON_DAILY_SYNC keeps the schedule from asking for runs.",
        "Take the setting away to sync every night again.",
    ),
    "syncs_good": Text(
        "Syncs are up to date",
        "Authorizations in force: {count}, all synced within 36 hours.",
        "",
    ),
    "syncs_none": Text(
        "Nothing to sync yet",
        "No facility is authorized at a utility.",
        "",
    ),
    "syncs_behind": Text(
        "Some authorizations are behind",
        "Not synced within 36 hours: {late} of {count} authorizations in force.",
        "See what stands in their way: the list of authorizations, sorted by last sync.",
    ),
    "syncs_far_behind": Text(
        "Many authorizations are behind",
        "Not synced within 36 hours: {late} of {count} authorizations in force, more than one in "
        "ten.",
        "See first whether Dagster and the utilities work, then in the Dagster UI whether last "
        "night's sync ended well.",
    ),
    "orders_good": Text(
        "Work orders are taken up",
        "Being worked on: {running}. Due: {due}. Waiting for their time: {later}.",
        "",
    ),
    "orders_waiting": Text(
        "Work orders are not taken up",
        "Work orders that are due: {due}. The first has waited since {since} UTC.",
        "See in the Dagster UI whether runs are queued behind others, or whether the sensors of "
        "work orders are switched off.",
    ),
    "orders_failing": Text(
        "Work orders fail",
        "Work orders put off after a failure: {count}.",
        f"{_BY_ITSELF} The list of authorizations names the failures.",
    ),
    "provider_good": Text(
        "{provider} answers",
        "Authorizations in force: {count}. The newest reading is {age} old.",
        "",
    ),
    "provider_unused": Text(
        "{provider} answers",
        "Authorizations in force: {count}. No reading has come yet.",
        "",
    ),
    "provider_failing": Text(
        "{provider} fails now and then",
        "Requests that failed in a row: {failures} (the last: {code}).",
        _BY_ITSELF,
    ),
    "provider_down": Text(
        "{provider} is down",
        "It has not answered since {since} UTC ({failures} failures in a row, the last: {code}). "
        "Nothing is lost: what was missed is fetched when it is back.",
        "You need not do anything; it is tried again at {again} UTC. If it lasts for days, ask the "
        "utility.",
    ),
    "provider_refuses": Text(
        "{provider} refuses our own credentials",
        "The utility refuses DCarbon itself, not the customers. Authorizations blocked by it: "
        "{count}.",
        "Compare the client id, secret, certificate or API token in the settings with what the "
        "utility gave you; dcarbon keys platform-token sets a new API token.",
    ),
    "readings_late": Text(
        "{provider} gives no new readings",
        "It answers, but the newest reading of all its customers is {age} old.",
        "Utilities publish within one to three days. Ask the utility if it lasts.",
    ),
    "mail_good": Text(
        "Mails go out",
        "Mails waiting to be sent: {waiting}.",
        "",
    ),
    "mail_not_set_up": Text(
        "No mail server is set",
        "Nobody can sign in by mail or be told of anything. Mails in the outbox: {waiting}.",
        "Set DCARBON_MAIL_HOST and DCARBON_MAIL_FROM, and start the mailer again.",
    ),
    "mailer_silent": Text(
        "The mailer has stopped",
        "Its last sign of life was {ago}. Mails waiting: {waiting}.",
        "Start it: dcarbon mailer.",
    ),
    "mailer_never": Text(
        "The mailer was never seen",
        "It has never written that it works. Mails waiting: {waiting}.",
        "Start it: dcarbon mailer.",
    ),
    "mails_stuck": Text(
        "Mails do not go out",
        "Mails waiting: {waiting}. One that was tried already has waited since {since} UTC.",
        "See in the mailer's log what the mail server says, and compare the settings whose names "
        "begin with DCARBON_MAIL.",
    ),
    "mails_given_up": Text(
        "Mails were given up",
        "Mails that could not be delivered within the last 24 hours: {count}.",
        "See in the mailer's log whether addresses are wrong or the mail server refuses us.",
    ),
    "keys_good": Text(
        "Every sealed secret can be opened",
        "Secrets in use: {count}, all sealed with the key {key}.",
        "",
    ),
    "keys_older": Text(
        "Some secrets are sealed with an older key",
        "Secrets in use sealed with another key than {key}: {count}. They can be opened.",
        "Run: dcarbon keys rotate. Keep the older keys until it has ended.",
    ),
    "keys_missing": Text(
        "A sealing key is missing",
        "The key {key} is not in the key ring. Secrets in use that need it: {count}; these "
        "customers cannot be synced.",
        "Put the key back into the key ring. Nothing is lost while you look for it.",
    ),
    "audit_good": Text(
        "The audit log is proven every day",
        "Entries ever written: {count}. Its last head was kept outside the database {ago}.",
        "",
    ),
    "audit_head_old": Text(
        "The audit log was not proven lately",
        "The last head was kept outside the database {ago}; one a day is meant to be.",
        "Run: dcarbon audit verify. If it is whole, see in the Dagster UI why the schedule did not "
        "keep its head.",
    ),
    "audit_head_never": Text(
        "The audit log was never proven",
        "No head of it has been kept outside the database yet. The first is kept tonight.",
        "If this stays so tomorrow, see in the Dagster UI whether the schedule is switched on.",
    ),
    "audit_unguarded": Text(
        "The product could change its own audit log",
        "It works as a database role that may switch the protection of the log off. Kept heads "
        "prove the log all the same.",
        "Let DCARBON_DATABASE_URL name the role dcarbon_app, as the guide on the audit log says.",
    ),
    "clock_good": Text(
        "The clocks agree",
        "This machine and the database server differ by {seconds} s.",
        "",
    ),
    "clock_differs": Text(
        "The clocks differ",
        "This machine and the database server differ by {seconds} s. Sign-in links, retries and "
        "the times in the audit log rest on them.",
        "Set both machines by NTP.",
    ),
    "address_plain": Text(
        "The web app is reached without TLS",
        "DCARBON_PUBLIC_URL is {address}: sign-in links and session cookies travel in the open.",
        "Put a proxy with a certificate in front, and set the https:// address.",
    ),
}
