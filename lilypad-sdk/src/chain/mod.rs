//! The contracts behind one trait of protocol verbs.
