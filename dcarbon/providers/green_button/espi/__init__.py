"""NAESB ESPI documents: Atom feeds and entries of usage, customer and authorization resources."""

from dcarbon.providers.green_button.espi.parse import (
    parse,
    parse_application_information,
    parse_authorization,
    parse_authorizations,
    parse_batch_list,
    parse_local_time_parameters,
    parse_reading_types,
    parse_service_status,
    parse_usage_summaries,
)

__all__ = [
    "parse",
    "parse_application_information",
    "parse_authorization",
    "parse_authorizations",
    "parse_batch_list",
    "parse_local_time_parameters",
    "parse_reading_types",
    "parse_service_status",
    "parse_usage_summaries",
]
