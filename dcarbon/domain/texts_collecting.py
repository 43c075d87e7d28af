"""Words for collecting: what a utility answers, what a file holds, what we keep of it."""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.text import Text

_WE_KNOW = "You need not do anything: what came is kept, and we have been told."
_DOWNLOAD_AGAIN = "Please download it again from the utility."
_ASK_UTILITY = "Please ask the utility for a corrected file."
_UNREADABLE = "The utility's answer could not be read"
_WRONG_FILE = "This file could not be read"

COLLECTING: Mapping[str, Text] = {
    # We wait.
    "provider_unavailable": Text(
        "The utility is not answering",
        "The utility is not answering at the moment. Nothing is lost.",
        "You need not do anything: we keep trying by ourselves.",
    ),
    "provider_paused": Text(
        "The utility is not answering",
        "The utility has not been answering for a while. Nothing is lost.",
        "You need not do anything: we look again every few minutes.",
    ),
    "provider_outcome_unknown": Text(
        "The utility is not answering",
        "The utility did not say whether it carried out what we asked. Nothing is lost.",
        "You need not do anything: we look before we ask again.",
    ),
    "provider_throttled": Text(
        "The utility asked us to slow down",
        "The utility asked us to slow down.",
        "You need not do anything: we continue by ourselves a little later.",
    ),
    "run_ended": Text(
        "We were interrupted",
        "We were interrupted while collecting. What had come is kept.",
        "You need not do anything: we take it up again by ourselves.",
    ),
    # The utility's side does not work as agreed.
    "contract_violation": Text(
        _UNREADABLE, "The utility sent something we could not read.", _WE_KNOW
    ),
    "provider_resource_missing": Text(
        "The utility no longer has what we asked for",
        "The utility no longer has what we asked for. What we collected is kept.",
        "You need not do anything: we look into it.",
    ),
    "foreign_url": Text(
        _UNREADABLE, "The utility's answer leads to a place that is not the utility's.", _WE_KNOW
    ),
    "insecure_url": Text(
        _UNREADABLE, "The utility's answer leads to an address that is not secure.", _WE_KNOW
    ),
    "unexpected_redirect": Text(
        _UNREADABLE, "The utility sent us elsewhere instead of answering.", _WE_KNOW
    ),
    "response_too_large": Text(
        _UNREADABLE, "The utility's answer is larger than any we accept.", _WE_KNOW
    ),
    "endless_pages": Text(_UNREADABLE, "The utility's answer does not come to an end.", _WE_KNOW),
    "not_a_subscription": Text(
        _UNREADABLE, "The utility named a place where no readings can be.", _WE_KNOW
    ),
    "invalid_param": Text(
        "The utility did not understand us", "The utility did not accept our request.", _WE_KNOW
    ),
    "required_param_missing": Text(
        "The utility did not understand us",
        "The utility missed something in our request.",
        _WE_KNOW,
    ),
    "request_refused": Text(
        "The request was refused",
        "The request was refused by the side it went to.",
        "Please try again later. If it stays so, write to us.",
    ),
    "malformed_json": Text(_UNREADABLE, "The utility's answer is not correct JSON.", _WE_KNOW),
    "unexpected_json": Text(
        _UNREADABLE, "The utility's answer is not built as its documentation says.", _WE_KNOW
    ),
    # Green Button files and answers.
    "unreadable_payload": Text(
        _WRONG_FILE, "This file could not be read. It was kept as it came.", _DOWNLOAD_AGAIN
    ),
    "file_empty": Text(
        "This file is empty", "This file is empty or not a file.", "Please choose another."
    ),
    "empty_document": Text("This file is empty", "The file is empty.", _DOWNLOAD_AGAIN),
    "malformed_xml": Text(_WRONG_FILE, "The file is not complete, correct XML.", _DOWNLOAD_AGAIN),
    "xml_encoding": Text(
        _WRONG_FILE,
        "The file's characters do not match the encoding it declares.",
        "Please download it again without editing it.",
    ),
    "xml_refused_dtd": Text(
        "This file was refused",
        "The file carries a document type definition, which a Green Button file never has. It was "
        "refused for safety.",
        _DOWNLOAD_AGAIN,
    ),
    "xml_too_deep": Text(
        "This file was refused",
        "The file's elements are nested too deeply for a Green Button file. It was refused for "
        "safety.",
        _DOWNLOAD_AGAIN,
    ),
    "xml_too_large_text": Text(
        "This file was refused",
        "The file holds a single text, tag or element far larger than a Green Button file ever "
        "has. It was refused for safety.",
        _DOWNLOAD_AGAIN,
    ),
    "not_espi": Text(
        "This is not a Green Button file",
        "This is not a Green Button (ESPI) XML file.",
        "If it is packed, unpack it first; else please choose another.",
    ),
    "ambiguous_reading": Text(
        "A reading is stated twice",
        "A reading in the file states two values or times at once, so nothing was taken from it.",
        _ASK_UTILITY,
    ),
    "not_one_authorization": Text(
        _UNREADABLE, "The utility did not state exactly one authorization.", _WE_KNOW
    ),
    "not_one_application_information": Text(
        _UNREADABLE, "The utility did not state our registration exactly once.", _WE_KNOW
    ),
    "not_one_local_time_parameters": Text(
        _UNREADABLE, "The utility did not state its time zone exactly once.", _WE_KNOW
    ),
    "not_one_service_status": Text(
        _UNREADABLE, "The utility did not state its service status exactly once.", _WE_KNOW
    ),
    "not_one_batch_list": Text(
        _UNREADABLE, "The utility's notification does not hold exactly one list.", _WE_KNOW
    ),
    "no_intervals": Text(
        "This file holds no readings",
        "This file holds no interval readings: there is nothing to import.",
        "Please download the usage data, with the shortest interval the utility offers.",
    ),
    "times_unusable": Text(
        "The times cannot be used",
        "The times of this file's readings cannot be used, so none was stored.",
        _ASK_UTILITY,
    ),
    "absurd_time": Text(
        "The times cannot be used",
        "Readings are stated for times that cannot be, so none was stored.",
        _WE_KNOW,
    ),
    "off_grid": Text(
        "The times cannot be used",
        "Readings do not start where their interval should, so none was stored.",
        _WE_KNOW,
    ),
    "no_duration": Text(
        "The times cannot be used", "Readings are stated without how long they last.", _WE_KNOW
    ),
    "value_too_large": Text(
        "A value is too large", "A value is larger than any meter can measure.", _WE_KNOW
    ),
    # What we keep.
    "payload_missing": Text(
        "A stored original is missing",
        "The stored original of this data is missing.",
        "You need not do anything: we have been told.",
    ),
    "payload_corrupt": Text(
        "A stored original is damaged",
        "The stored original of this data is damaged.",
        "You need not do anything: we have been told.",
    ),
    "landing_unavailable": Text(
        "Originals cannot be kept just now",
        "The place where the utility's answers are kept cannot be used just now.",
        "Try again later. The System page says what is wrong with it.",
    ),
}
