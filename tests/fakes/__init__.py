"""Stand-ins for the services that OmniCRM talks to. They hold to the contracts of those, and run on loopback only."""
