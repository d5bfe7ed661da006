"""nexusctl as people and scripts run it: the installed program, a real daemon, real files."""
