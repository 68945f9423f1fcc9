//! Example programs; one file each.
