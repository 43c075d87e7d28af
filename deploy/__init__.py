"""Running DCarbon in production: every part a process of its own, on one machine or on several."""
