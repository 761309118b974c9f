//! Tests of values as text.
