"""Readings to look at: the page with chart, table and totals, and what the chart draws."""
