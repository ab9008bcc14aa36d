"""OCPP 1.6 as data: its types, its messages, and the table of its actions."""
