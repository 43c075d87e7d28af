"""Stand-in utilities and a mail sink: a separate program that speaks the documented protocols."""
