//! Integration tests, one module a room.
