"""What people and scripts read: text made safe, tables, details, progress, and result files. Imports nothing here."""
