"""Tables and the only queries. Answers domain objects, never rows."""
