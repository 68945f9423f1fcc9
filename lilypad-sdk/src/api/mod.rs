//! What the solver's clients and server agree on.
