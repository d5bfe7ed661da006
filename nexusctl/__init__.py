"""nexusctl: the control client of nexusd. Imports nothing here, so that `nexusctl version` stays cheap."""
