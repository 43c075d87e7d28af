"""An authorization's life: submitted, listed, pending, updated; renewed, expired, revoked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dcarbon_sandbox.utilityapi import events, jobs
from dcarbon_sandbox.utilityapi.scenarios import AT_ONCE_ERRORS, customer_of
from dcarbon_sandbox.utilityapi.service import Record, Service

_DURATION = re.compile(r"(\d{1,3})([yd])")
_PRESET = re.compile(r"[a-z][a-z_]{1,60}")
_DAY_S = 86400
_MANUAL_S = 6 * 3600


def submit(
    service: Service,
    *,
    form: Record | None,
    template_uid: str,
    utility: str,
    who: Record,
    email: str = "",
    declined: bool = False,
) -> str:
    """Take a customer's answer on a form and return the referral; the rest happens later.

    ``who`` is ``{"scenario": …}`` or ``{"login": …}``. The caller holds the lock.
    """
    referral = service.new_uid("referral")
    service.records("referrals")[referral] = {"authorizations": []}
    service.records("submissions")[referral] = {
        "form_uid": form["uid"] if form else None,
        "template_uid": template_uid,
        "renews": form["authorization_uid"] if form else None,
        "utility": utility,
        "customer_email": email or (form["customer_email"] if form else ""),
        "scope": form["scope"] if form else {},
        "is_declined": declined,
        **who,
    }
    jobs.after(service, service.setting("appear_delay_s"), "appear", referral=referral)
    return referral


def appear(service: Service, job: Record) -> None:
    """The authorization becomes visible: pending, or declined."""
    submission = service.records("submissions").pop(job["referral"])
    renewed = service.records("authorizations").get(submission["renews"] or "")
    if renewed is not None:
        authorization = _renew(service, renewed, submission, job["referral"])
    else:
        authorization = create(service, submission, job["referral"])
        events.record(service, "authorization_created", **_refs(authorization))
    service.records("referrals")[job["referral"]]["authorizations"].append(authorization["uid"])
    if submission["is_declined"]:
        events.record(service, "authorization_declined", **_refs(authorization))
        return
    events.record(service, "authorization_update_started", **_refs(authorization))
    delay = service.setting("update_delay_s")
    jobs.after(service, delay, "update", authorization=authorization["uid"])


def create(service: Service, submission: Record, referral: str | None) -> Record:
    """Store a new authorization without telling anybody; the caller holds the lock."""
    now = service.clock.now()
    stamp = service.stamp()
    declined = submission["is_declined"]
    expires = expiry(submission["scope"].get("expires", "3y"), now)
    authorization: Record = {
        "uid": service.new_uid("authorization"),
        "created": stamp,
        "customer_email": submission["customer_email"],
        "declined": stamp if declined else None,
        "expires": expires,
        "form_uid": submission["form_uid"],
        "template_uid": submission["template_uid"],
        "referrals": [referral] if referral else [],
        "is_archived": False,
        "is_test": "scenario" in submission,
        "nickname": None,
        "revoked": None,
        "scope": {"ongoing_end": None, **submission["scope"], "expires": expires},
        "utility": submission["utility"],
        "scenario": submission.get("scenario"),
        "login": submission.get("login"),
        "meters": [],
        "notes": [],
    }
    message = "The customer declined." if declined else "Looking for meters."
    set_status(service, authorization, "updated" if declined else "pending", message)
    service.records("authorizations")[authorization["uid"]] = authorization
    if not declined:
        _watch_expiry(service, authorization)
    return authorization


def _renew(service: Service, authorization: Record, submission: Record, referral: str) -> Record:
    if submission["is_declined"]:
        return authorization
    expires = expiry(submission["scope"].get("expires", "3y"), service.clock.now())
    authorization["expires"] = expires
    authorization["scope"] = {**authorization["scope"], **submission["scope"], "expires": expires}
    authorization["referrals"].append(referral)
    set_status(service, authorization, "pending", "Renewing.")
    _watch_expiry(service, authorization)
    events.record(service, "authorization_renewed", **_refs(authorization))
    return authorization


def update(service: Service, job: Record) -> None:
    """The look-up of meters ends, as the scenario says."""
    authorization = service.records("authorizations").get(job["authorization"])
    if authorization is None or authorization["revoked"]:
        return
    refs = _refs(authorization)
    scenario = authorization["scenario"]
    if scenario in AT_ONCE_ERRORS:
        note, message = AT_ONCE_ERRORS[scenario]
        add_note(service, authorization, note, message, eta_in_s=_MANUAL_S)
        if note == "retrying":
            events.record(service, "authorization_update_retrying", **refs)
        set_status(service, authorization, "errored", message)
        events.record(service, "authorization_update_finished_errored", **refs)
        return
    events.record(service, "authorization_update_progress", **refs)
    for uid in find_meters(service, authorization):
        events.record(service, "meter_created", meter_uid=uid, **refs)
    add_note(service, authorization, "access_valid", "Signed in with the account.")
    add_note(service, authorization, "meters_full", "All meters were found.")
    found = "Meters found!" if authorization["meters"] else "No meters in this account."
    set_status(service, authorization, "updated", found)
    events.record(service, "authorization_update_finished_successful", **refs)
    if scenario == "revoked":
        revoke(service, authorization)


def find_meters(service: Service, authorization: Record) -> list[str]:
    """Create the meters this authorization does not have yet; return the new uids."""
    services = range(len(authorization["meters"]), len(customer_of(authorization).meters))
    partial = authorization["utility"] in service.setting("partial_details")
    created = []
    for index in services:
        meter: Record = {
            "uid": service.new_uid("meter"),
            "authorization_uid": authorization["uid"],
            "index": index,
            "created": service.stamp(),
            "is_archived": False,
            "is_expanded": not partial,
            "frequency": "off",
            "next_refresh": None,
            "fixed_refresh_day": None,
            "from": None,
            "until": None,
            "collected": None,
            "interval_count": 0,
            "coverage": [],
            "notes": [],
        }
        set_status(service, meter, "updated", "Service exists, but no logs yet.")
        service.records("meters")[meter["uid"]] = meter
        authorization["meters"].append(meter["uid"])
        created.append(meter["uid"])
    return created


def revoke(service: Service, authorization: Record) -> None:
    """End the consent and delete its meters and data; the first time of revocation stands."""
    if authorization["revoked"]:
        return
    authorization["revoked"] = service.stamp()
    forget_meters(service, authorization)
    set_status(service, authorization, "updated", "Revoked.")
    events.record(service, "authorization_revoked", **_refs(authorization))


def forget_meters(service: Service, authorization: Record) -> None:
    """Delete the meters; their uids stay known as former ones."""
    for uid in authorization["meters"]:
        record = service.records("meters").pop(uid, None)
        if record is not None:
            service.records("former_meters")[uid] = record
    authorization["former_meters"] = authorization["meters"]
    authorization["meters"] = []


def is_expired(service: Service, authorization: Record) -> bool:
    """Say whether the consent's end has come; ``until_revoked`` never expires."""
    end = expiry_epoch(authorization)
    return end is not None and end <= service.epoch()


def is_time(text: str) -> bool:
    """Say whether this is an ISO 8601 time of this era, so that sums with it stay possible."""
    try:
        return 1970 <= datetime.fromisoformat(text).year < 9000
    except ValueError:
        return False


def is_expiry(text: str) -> bool:
    """Say whether this can be ``scope.expires``: a preset word, a duration or a time."""
    preset = _PRESET.fullmatch(text) is not None
    return preset or _DURATION.fullmatch(text) is not None or is_time(text)


def expiry(wanted: str, now: datetime) -> str:
    """Turn a duration (``3y``, ``7d``) or timestamp into a UTC timestamp; presets stay."""
    match = _DURATION.fullmatch(wanted)
    if match is not None:
        days = int(match[1]) * (365 if match[2] == "y" else 1)
        return (now + timedelta(days=days)).astimezone(UTC).isoformat(timespec="microseconds")
    try:
        end = datetime.fromisoformat(wanted)
    except ValueError:
        return wanted
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    return end.astimezone(UTC).isoformat(timespec="microseconds")


def expiry_epoch(authorization: Record) -> float | None:
    try:
        return datetime.fromisoformat(authorization["expires"]).timestamp()
    except ValueError:
        return None  # a preset such as until_revoked


def _watch_expiry(service: Service, authorization: Record) -> None:
    end = expiry_epoch(authorization)
    if end is not None:
        uid = authorization["uid"]
        jobs.at(service, end - _DAY_S, "expiring", authorization=uid, end=authorization["expires"])


def expiring(service: Service, job: Record) -> None:
    authorization = _still_ending(service, job)
    if authorization is not None:
        events.record(service, "authorization_expiring_soon", **_refs(authorization))
        due = expiry_epoch(authorization) or 0.0
        facts = {name: job[name] for name in ("authorization", "end")}
        jobs.at(service, due, "expired", **facts)


def expired(service: Service, job: Record) -> None:
    authorization = _still_ending(service, job)
    if authorization is not None:
        events.record(service, "authorization_expired", **_refs(authorization))


def _still_ending(service: Service, job: Record) -> Record | None:
    """Return the authorization unless it was revoked, deleted or renewed meanwhile."""
    authorization = service.records("authorizations").get(job["authorization"])
    if authorization is None or authorization["revoked"] or authorization["expires"] != job["end"]:
        return None
    return authorization


def set_status(service: Service, thing: Record, status: str, message: str) -> None:
    thing.update(status=status, status_message=message, status_ts=service.stamp())


def add_note(
    service: Service, thing: Record, kind: str, message: str, *, eta_in_s: float | None = None
) -> None:
    """Add a note; ``retrying`` and ``waiting`` carry an ``"eta "``, spelt as the examples do."""
    note = {"type": kind, "msg": message, "ts": service.stamp()}
    if kind in {"retrying", "waiting"} and eta_in_s is not None:
        eta = service.clock.now() + timedelta(seconds=eta_in_s)
        note["eta "] = eta.astimezone(UTC).isoformat(timespec="microseconds")
    thing["notes"].append(note)


def _refs(authorization: Record) -> dict[str, str | None]:
    return {"authorization_uid": authorization["uid"], "form_uid": authorization["form_uid"]}
