"""Green Button Connect My Data: requests, OAuth and ESPI parsing."""
