//! The solver's API as a server.
