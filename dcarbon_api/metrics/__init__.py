"""Figures for Prometheus: how the house is doing, and how long requests take."""
