"""The resource surface of a custodian: batches, single resources, customer data (reference 4)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, request

from dcarbon_sandbox.customers import PACIFIC
from dcarbon_sandbox.green_button.access import Gate
from dcarbon_sandbox.green_button.batches import UNPROCESSED
from dcarbon_sandbox.green_button.custodian import Custodian
from dcarbon_sandbox.green_button.customer_feed import CustomerWriter
from dcarbon_sandbox.green_button.dialects import Links
from dcarbon_sandbox.green_button.measurements import MeterPart
from dcarbon_sandbox.green_button.store import Authorization
from dcarbon_sandbox.green_button.usage_feed import (
    Subscription,
    UsageWriter,
    flows,
    meter_reading_id,
)
from dcarbon_sandbox.green_button.windows import BadParameter, Window, parse_window

_ATOM = "application/atom+xml"
_CORRELATION = "correlationID"
_BULK_FILE = re.compile(r"(?P<bulk>\w+)_(?P<kind>REVQ|RCUST)_(?P<day>\d{8})_\d{6}_\d+\.XML")
_ENTRIES_PER_CHUNK = 64


class Resources:
    """The view functions of one utility's resource surface."""

    def __init__(self, custodian: Custodian, gate: Gate) -> None:
        self._custodian, self._gate = custodian, gate

    def routes(self, blueprint: Blueprint) -> None:
        """Add the paths of reference 4.1 that open a customer's data."""
        base = self._custodian.profile.base_path
        up = "/Subscription/<subscription>/UsagePoint"
        summaries = ("UsageSummary", "ElectricPowerUsageSummary")
        views: tuple[tuple[str, Callable[..., Response]], ...] = (
            ("/Batch/Subscription/<subscription>", self.batch),
            ("/Batch/Subscription/<subscription>/UsagePoint/<point>", self.batch_point),
            ("/Batch/RetailCustomer/<customer>", self.retail_customer),
            (up, self.usage_points),
            (f"{up}/<point>", self.usage_points),
            (f"{up}/<point>/MeterReading", self.meter_readings),
            (f"{up}/<point>/MeterReading/<reading>", self.meter_readings),
            (f"{up}/<point>/MeterReading/<reading>/IntervalBlock", self.interval_blocks),
            (f"{up}/<point>/MeterReading/<reading>/IntervalBlock/<block>", self.interval_blocks),
            *((f"{up}/<point>/{name}", self.summaries) for name in summaries),
            *((f"{up}/<point>/{name}/<summary>", self.summaries) for name in summaries),
            ("/LocalTimeParameters", self.local_time),
            ("/LocalTimeParameters/<_number>", self.local_time),
            ("/ReadingType", self.reading_types),
            ("/ReadingType/<type_id>", self.reading_types),
        )
        for path, view in views:
            blueprint.add_url_rule(base + path, view_func=view)

    # Batches

    def batch(self, subscription: str) -> Response:
        authorization = self._gate.subscription(subscription)
        window = self._window()
        waiting = self._asynchronous("subscription")
        if waiting:
            return waiting
        file = self._custodian.around.feeds.get(authorization.login)
        if file is not None:
            return Response(file.read_bytes(), mimetype=_ATOM)
        return self._batch(self._custodian.subscription(authorization, window))

    def batch_point(self, subscription: str, point: str) -> Response:
        authorization = self._gate.subscription(subscription)
        window = self._window()
        part = self._custodian.subscription(authorization, window, point)
        if not part.parts:
            abort(404)
        return self._asynchronous("part") or self._batch(part)

    def bulk(self, bulk_id: str) -> Response:
        """Everything of every customer of the client, streamed."""
        self._gate.token("client")
        if bulk_id != self._custodian.profile.bulk_id:
            abort(404)
        window = self._window()
        waiting = self._asynchronous("bulk")
        if waiting:
            return waiting
        subscriptions = self._custodian.bulk(window)
        first = next(subscriptions, None)
        if first is None:
            return Response(status=204)
        return Response(
            _encoded(self._feed(itertools.chain([first], subscriptions))), mimetype=_ATOM
        )

    def bulk_file(self, bulk_id: str, name: str) -> Response:
        """A file of one local day: ``…_REVQ_<day>_…`` usage, ``…_RCUST_<day>_…`` customers."""
        found = _BULK_FILE.fullmatch(name)
        if found is None or found["bulk"] != bulk_id:
            abort(404)
        if found["kind"] == "RCUST":
            return self.bulk_customers(bulk_id)
        self._gate.token("client")
        if bulk_id != self._custodian.profile.bulk_id:
            abort(404)
        try:
            day = datetime.strptime(found["day"], "%Y%m%d").replace(tzinfo=ZoneInfo(PACIFIC))
        except ValueError:
            abort(404)
        window = Window(day, day + timedelta(days=1), None, None, 1, None)
        return Response(
            _encoded(self._feed(self._custodian.bulk(window))), mimetype="application/xml"
        )

    def retail_customer(self, customer: str) -> Response:
        authorization = self._gate.subscription(customer)
        self._gate.covered(authorization, "basic", "account", "program")
        waiting = self._asynchronous("part")
        if waiting:
            return waiting
        return _answer(self._customers([authorization], f"Batch/RetailCustomer/{customer}"))

    def bulk_customers(self, bulk_id: str) -> Response:
        self._gate.token("client")
        if bulk_id != self._custodian.profile.bulk_id:
            abort(404)
        now = self._custodian.store.now()
        live = [
            a
            for a in self._custodian.store.authorizations(self._custodian.profile.code)
            if a.is_live(now) and a.covers("basic", "account", "program")
        ]
        return _answer(self._customers(live, f"Batch/BulkRetailCustomerInfo/{bulk_id}"))

    def _batch(self, subscription: Subscription) -> Response:
        if all(part.is_empty() for part in subscription.parts):
            return Response(status=204)
        return _answer(self._feed(iter([subscription])))

    def _feed(self, subscriptions: Iterator[Subscription]) -> Iterator[str]:
        writer = self._writer()
        href = "" if self._custodian.dialect.name == "sdge" else self._custodian.uri(request.path)
        return writer.document(
            self._custodian.dialect.usage_title, href, writer.batch(subscriptions)
        )

    def _customers(self, authorizations: Sequence[Authorization], tail: str) -> Iterator[str]:
        custodian = self._custodian
        writer = CustomerWriter.of(custodian.dialect, custodian.base, custodian.now())

        def entries() -> Iterator[str]:
            for authorization in authorizations:
                customer = custodian.customer(authorization.login)
                if customer is not None:
                    meters = [meter for _number, meter in custodian.meters(authorization)]
                    yield from writer.entries(authorization, customer, meters)

        return writer.document(custodian.oauth.resource(tail), entries())

    # Single resources

    def usage_points(self, subscription: str, point: str | None = None) -> Response:
        found = self._parts(subscription, point)
        writer = self._writer()
        entries = [writer.usage_point(found.links, part) for part in found.parts]
        return self._entries(entries, single=point is not None)

    def meter_readings(self, subscription: str, point: str, reading: str | None = None) -> Response:
        found = self._parts(subscription, point)
        writer, part = self._writer(), found.parts[0]
        entries = [
            writer.meter_reading(found.links, part, flow) for flow in self._flows(part, reading)
        ]
        return self._entries(entries, single=reading is not None)

    def interval_blocks(
        self, subscription: str, point: str, reading: str, block: str | None = None
    ) -> Response:
        found = self._parts(subscription, point, needs=("usage",))
        writer, part = self._writer(), found.parts[0]
        entries = [
            entry
            for flow in self._flows(part, reading)
            for entry in writer.interval_blocks(found.links, part, flow)
            if block is None or f'/IntervalBlock/{block}"' in entry
        ]
        return self._entries(entries, single=block is not None)

    def summaries(self, subscription: str, point: str, summary: str | None = None) -> Response:
        found = self._parts(subscription, point, needs=("billing",))
        writer, part = self._writer(), found.parts[0]
        entries = [
            entry
            for entry in writer.bills(found.links, part)
            if summary is None or f'Summary/{summary}"' in entry
        ]
        return self._entries(entries, single=summary is not None)

    def local_time(self, _number: str | None = None) -> Response:
        token = self._gate.token("access", "client")
        links = self._any_links(token.authorization)
        return self._entries([self._writer().local_time(links)], single=_number is not None)

    def reading_types(self, type_id: str | None = None) -> Response:
        token = self._gate.token("access", "client")
        authorization = self._custodian.store.authorization(token.authorization)
        meters = self._custodian.meters(authorization) if authorization else []
        writer, links = self._writer(), self._any_links(token.authorization)
        known = {
            writer.reading_type_href(links, meter, flow): writer.reading_type(links, meter, flow)
            for _number, meter in meters
            for flow in flows(meter)
        }
        entries = [
            entry
            for href, entry in known.items()
            if type_id is None or href.endswith(f"/{type_id}")
        ]
        return self._entries(entries, single=type_id is not None)

    def _parts(
        self, subscription: str, point: str | None, needs: tuple[str, ...] = ()
    ) -> Subscription:
        authorization = self._gate.subscription(subscription)
        if needs:
            self._gate.covered(authorization, *needs)
        found = self._custodian.subscription(authorization, self._window(), point)
        if point is not None and not found.parts:
            abort(404)
        return found

    def _flows(self, part: MeterPart, reading: str | None) -> list[int]:
        dialect = self._custodian.dialect
        return [
            flow
            for flow in flows(part.meter)
            if reading is None or meter_reading_id(dialect, part.meter, flow) == reading
        ]

    def _any_links(self, authorization_id: str | None) -> Links:
        return Links(self._custodian.dialect.name, self._custodian.base, authorization_id or "0")

    def _entries(self, entries: Sequence[str], *, single: bool) -> Response:
        """Return one entry as a document, or a page of many as a feed; 204 when there is none."""
        dialect = self._custodian.dialect
        if single:
            if not entries:
                abort(404)
            return Response(dialect.document(entries[0]), mimetype=_ATOM)
        window = self._window()
        first = window.start_index - 1
        last = None if window.max_results is None else first + window.max_results
        page = entries[first:last]
        if not page:
            return Response(status=204)
        href = self._custodian.uri(request.path)
        return _answer(self._writer().document(dialect.usage_title, href, iter(page)))

    # What they share

    def _writer(self) -> UsageWriter:
        return UsageWriter(self._custodian.dialect, self._custodian.now())

    def _window(self) -> Window:
        try:
            return parse_window(
                request.args, now=self._custodian.now(), switches=self._custodian.switches
            )
        except BadParameter as error:
            abort(Response(str(error), 400, mimetype="text/plain"))

    def _asynchronous(self, kind: Literal["bulk", "subscription", "part"]) -> Response | None:
        """Return 202 or the refusal of a repeat; ``None`` when the data may be sent now."""
        batches = self._custodian.batches
        query = [
            (k, v)
            for k, v in parse_qsl(request.query_string.decode("latin-1"))
            if k != _CORRELATION
        ]
        uri = self._custodian.uri(request.path) + (
            f"?{urlencode(query, safe=':')}" if query else ""
        )
        known = batches.find(uri, request.args.get(_CORRELATION))
        if known is not None:
            if batches.is_ready(known):
                return None
            return Response(UNPROCESSED, 400, mimetype="text/plain")
        if request.args.get(_CORRELATION):
            abort(404)
        if not batches.is_asynchronous(kind):
            return None
        batch = batches.begin(uri)
        accepted = Response(status=202)
        if self._custodian.dialect.name == "pge":
            accepted.headers["x-transaction"] = batch.id
        return accepted


def _answer(pieces: Iterable[str]) -> Response:
    return Response("".join(pieces).encode(), mimetype=_ATOM)


def _encoded(pieces: Iterable[str]) -> Iterator[bytes]:
    """Yield the feed in chunks of a sensible size."""
    waiting: list[str] = []
    for piece in pieces:
        waiting.append(piece)
        if len(waiting) >= _ENTRIES_PER_CHUNK:
            yield "".join(waiting).encode()
            waiting.clear()
    if waiting:
        yield "".join(waiting).encode()
