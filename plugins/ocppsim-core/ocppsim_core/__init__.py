"""An ocppsim plugin: a station that lives on a charge point (OCPP 1.6, core profile)."""
