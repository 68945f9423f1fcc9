//! The roles as services.
