"""The role the product works as: it owns nothing, and may only read and append the audit log.

The owner of the tables migrates and grants; the product connects as :data:`APP_ROLE`. Where a
server lets the owner make roles, ours is made; elsewhere whoever may makes it beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.orm import Session

APP_ROLE = "dcarbon_app"
_READ_ONLY = ("audit_entries", "audit_checkpoints")
_WRITERS = ("append_audit_entries(text[])", "remove_audit_entries(bigint)")
_KEEPERS = (
    *("add_interval_months(date, date)", "begin_sorting_intervals(date)"),
    *("sort_intervals(bigint)", "finish_sorting_intervals()"),
)
# Another database of the same server may be migrated at the same moment: roles belong to all.
_MAKE_ROLE = f"""
do $$ begin
    create role {APP_ROLE} login;
exception when duplicate_object or unique_violation then null;
end $$
"""
_STANDING = text("""
select exists (select from pg_roles where rolname = :role) as is_there,
       (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as may_make,
       coalesce((select pg_has_role(relowner, 'usage') from pg_class
                 where oid = to_regclass('audit_entries')), false)
           and to_regprocedure('append_audit_entries(text[])') is not null as is_owner
""").bindparams(role=APP_ROLE)
# Granting what is granted would still write to the catalog, under the feet of those who work.
_LACKING = text("""
select count(*) from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'v', 'p', 'm')
  and not c.relispartition
  and case when c.relname = any(:read_only)
      then has_table_privilege(:role, c.oid, 'insert, update, delete, truncate')
           or not has_table_privilege(:role, c.oid, 'select')
      else not (has_table_privilege(:role, c.oid, 'select')
                and has_table_privilege(:role, c.oid, 'insert')
                and has_table_privilege(:role, c.oid, 'update')
                and has_table_privilege(:role, c.oid, 'delete')) end
""").bindparams(role=APP_ROLE, read_only=list(_READ_ONLY))
_MAY_CHANGE = text("""
select pg_has_role(relowner, 'usage') as is_owner,
       has_table_privilege(oid, 'insert, update, delete, truncate') as may_write
from pg_class where oid = 'audit_entries'::regclass
""")


# What runs as the owner is for those it is granted to.
_OPEN = text("""
select format('revoke execute on function %s from public', p.oid::regprocedure)
from pg_proc p
where p.pronamespace = current_schema()::regnamespace and p.prosecdef
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
""")


@dataclass(frozen=True, slots=True)
class LogRights:
    """What the connection's role could do to the audit log beside appending to it."""

    is_owner: bool
    """Owners and superusers can switch triggers off: only kept heads prove anything then."""
    may_write: bool


def grant(connection: Connection) -> None:
    """Make the role and give it its rights, as far as the connection's own role may.

    To be called after migrations, by the owner of the tables; does nothing for anybody else, and
    nothing when all is as it should be.
    """
    standing = connection.execute(_STANDING).one()
    if not standing.is_owner or not (standing.is_there or standing.may_make):
        return
    if not standing.is_there:
        connection.execute(text(_MAKE_ROLE))
    if connection.execute(_LACKING).scalar_one():
        for statement in _grants(connection):
            connection.execute(text(statement))


def close_functions(connection: Connection) -> None:
    """Take functions that work as the owner from everybody else, in a schema that was put there
    without its rights; :func:`grant` gives them to the product's role afterwards.
    """
    for statement in connection.scalars(_OPEN).all():
        connection.execute(text(statement))


def _grants(connection: Connection) -> list[str]:
    schema = connection.execute(text("select quote_ident(current_schema())")).scalar_one()
    tables = f"all tables in schema {schema}"
    functions = ", ".join(_functions(connection))
    return [
        f"grant usage on schema {schema} to {APP_ROLE}",
        f"grant select, insert, update, delete on {tables} to {APP_ROLE}",
        f"grant usage on all sequences in schema {schema} to {APP_ROLE}",
        f"revoke insert, update, delete on {', '.join(_READ_ONLY)} from {APP_ROLE}",
        f"grant execute on function {functions} to {APP_ROLE}",
    ]


def _functions(connection: Connection) -> list[str]:
    """Return those the schema has at its revision."""
    there = text("select to_regprocedure(:name) is not null")
    return [name for name in (*_WRITERS, *_KEEPERS) if connection.scalar(there, {"name": name})]


def as_app(url: str, owner: Engine) -> str:
    """Return the address at which the product works: as its own role, where that is there.

    For a server that asks for no password, as the embedded one. ``owner`` reaches the same one.
    """
    with owner.connect() as connection:
        if not connection.execute(_STANDING).one().is_there:
            return url
    return make_url(url).set(username=APP_ROLE).render_as_string(hide_password=False)


def of_log(session: Session) -> LogRights:
    """Return what the session's role could do to the audit log."""
    found = session.execute(_MAY_CHANGE).one()
    return LogRights(is_owner=found.is_owner, may_write=found.may_write)
