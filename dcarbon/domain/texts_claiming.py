"""Words for claiming: generating units, what channels may be used for, meters that count."""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.text import Text

_NOT_CLAIMABLE = "This channel cannot be claimed"
_OTHER_CHANNEL = "Please use the meter's channel to the grid, or a production meter."
_OTHER_DAYS = "Please choose other days."

CLAIMING: Mapping[str, Text] = {
    "claim_refused": Text(
        "This cannot be claimed", "This cannot be claimed as it stands.", "Please look at the days."
    ),
    # Generating units.
    "registry_id_taken": Text(
        "This id is in use",
        "Another generating unit here has this id at the same registry already, and a registry's "
        "unit is claimed once only.",
        "Please check the id; if it is right, write to us.",
    ),
    "operation_after_claims": Text(
        "Meters count from an earlier day",
        "A meter counts for this unit from before that day.",
        "Please end or take back the claim first, or choose an earlier day.",
    ),
    "unit_is_reported": Text(
        "This unit has been reported",
        "Reports were made for this unit, so it stays as their record.",
        "End the claims of its meters instead: then nothing more is counted.",
    ),
    # What a channel may be used for.
    "net_never_claimed": Text(_NOT_CLAIMABLE, "Net readings are never claimed.", _OTHER_CHANNEL),
    "consumption_never_claimed": Text(
        _NOT_CLAIMABLE, "Consumption is never claimed.", _OTHER_CHANNEL
    ),
    "estimates_never_claimed": Text(
        _NOT_CLAIMABLE,
        "Estimates are never claimed.",
        "Please wait for measured readings, or use another meter.",
    ),
    "not_a_production_meter": Text(
        "This is not a production meter",
        "This meter counts energy in both directions, as the meter at the grid does.",
        "Please use its channel to the grid by the hour, or the inverter's own meter.",
    ),
    "production_not_stated": Text(
        "Nobody stated that this is a production meter",
        "Only what a production meter measures counts as production.",
        "If this is one, please tick the statement.",
    ),
    "note_needed": Text(
        "A note is needed",
        "A statement about a meter needs a note of what it rests on.",
        "Please say which meter it is and what it measures.",
    ),
    "channel_is_claimed": Text(
        "This channel is claimed",
        "The meter counts for a generating unit by this channel.",
        "Please end the claim first.",
    ),
    # Which meter counts.
    "eligibility_not_chosen": Text(
        "Somebody has to decide first",
        "No channel of this meter is set to count this way.",
        "Please choose what its channels may be used for, then claim the meter.",
    ),
    "claim_before_operation": Text(
        "This is before the unit began",
        "Nothing before the unit's commercial operation date can be claimed.",
        "Please choose a later first day, or put the date right.",
    ),
    "claim_in_future": Text(
        "This day is still to come",
        "Days that have not begun at the meter cannot be claimed or ended.",
        "Please choose today or earlier, or leave the last day open.",
    ),
    "claim_days_reversed": Text(
        "The days are the wrong way round",
        "The last day is before the first.",
        "Please choose a later last day.",
    ),
    "claim_overlaps": Text(
        "This meter is claimed already",
        "On some of these days this meter counts for a generating unit already, and each day is "
        "claimed once only.",
        _OTHER_DAYS,
    ),
    "claimed_elsewhere": Text(
        "This meter is claimed under another name",
        "The same meter is known through another authorization, and is claimed there on some of "
        "these days.",
        "Please end that claim first, or write to us if it is another meter.",
    ),
    "claim_mixes_bases": Text(
        "Production and export are not added",
        "What a production meter counts holds what is given to the grid, so a unit has the one or "
        "the other.",
        "Please end the other claim first, or choose other days.",
    ),
    "claim_has_ended": Text(
        "This claim has ended", "This claim has ended already.", "Reload the page to see how it is."
    ),
    "claim_is_reported": Text(
        "These days were reported",
        "Days of this claim are in a final report, so it stays as their record.",
        "Please end it instead; if reported days were wrong, the report can be corrected.",
    ),
}
