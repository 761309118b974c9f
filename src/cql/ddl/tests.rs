//! Tests of the schema statements.
