//! Tests of the byte-comparable encoding.
