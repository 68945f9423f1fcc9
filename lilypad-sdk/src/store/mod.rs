//! Durable records and journals.
