"""The one JSON contract: schema, parser and instruction."""
