"""Meters of a document: its usage points, joined with what a customer feed says about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from dcarbon.domain.flows import Commodity, commodity_of
from dcarbon.providers.columns import ChannelFacts, MeterFacts
from dcarbon.providers.green_button.espi import customer
from dcarbon.providers.green_button.espi.channels import point_names
from dcarbon.providers.green_button.espi.customer import CustomerResource
from dcarbon.providers.green_button.espi.document import Document
from dcarbon.providers.green_button.espi.graph import Graph, Node
from dcarbon.providers.green_button.espi.links import Links, path_through
from dcarbon.providers.green_button.espi.summaries import UsageSummary


def meter_facts(
    document: Document, graph: Graph, channels: Sequence[ChannelFacts]
) -> tuple[MeterFacts, ...]:
    """Return one meter per usage point, declared or implied by links, and per customer agreement.

    Where a document has both trees, facts with the same id are one meter. Usage points that only
    a context declares are left out.
    """
    summaries = _summaries(document, graph)
    found = {
        name: _of_point(graph, graph.usage_points[key], name, summaries.get(key, []))
        for key, name in point_names(graph).items()
        if key in graph.spoken_of or key in summaries
    }
    for channel in channels:
        facts = found.get(channel.usage_point)
        if facts is not None and facts.commodity is Commodity.UNKNOWN:
            found[channel.usage_point] = replace(facts, commodity=channel.commodity)
    resources = [body for _, body in document.of(CustomerResource)]
    for facts in customer.meters(resources):
        known = found.get(facts.external_id)
        found[facts.external_id] = facts if known is None else _joined(known, facts)
    return tuple(found.values())


def _of_point(graph: Graph, node: Node, name: str, summaries: Sequence[UsageSummary]) -> MeterFacts:
    point = graph.points.get(node.key)
    blocks: dict[str, object] = {}
    if point is not None:
        said = {
            "service_kind": point.service_kind,
            "status": point.status,
            "role_flags": point.role_flags,
        }
        blocks["usage_point"] = {key: value for key, value in said.items() if value is not None}
    if summaries:
        blocks["usage_summaries"] = [asdict(summary) for summary in summaries]
    tariffs = [summary.tariff for summary in summaries if summary.tariff]
    return MeterFacts(
        external_id=name,
        commodity=commodity_of(None, point.service_kind) if point else Commodity.UNKNOWN,
        agreement_id=point.agreement if point else None,
        tariff=(point.tariff if point else None) or (tariffs[0] if tariffs else None),
        blocks=blocks,
    )


def _summaries(document: Document, graph: Graph) -> dict[str, list[UsageSummary]]:
    """Return the summaries by the path of their usage point; orphans belong to nobody."""
    found: dict[str, list[UsageSummary]] = {}
    for links, summary in document.of(UsageSummary):
        key = _point_of(links, graph)
        if key is not None:
            found.setdefault(key, []).append(summary)
    return found


def _point_of(links: Links, graph: Graph) -> str | None:
    paths = (*links.selfs, *links.ups)
    named = (path_through(path, "UsagePoint") for path in paths)
    return next((path for path in named if path in graph.usage_points), None)


def _joined(usage: MeterFacts, said: MeterFacts) -> MeterFacts:
    return replace(
        said,
        commodity=usage.commodity,
        agreement_id=said.agreement_id or usage.agreement_id,
        tariff=usage.tariff,
        blocks={**usage.blocks, **said.blocks},
    )
