"""Requests for deletion: on the account, for administrators, and the receipts."""
