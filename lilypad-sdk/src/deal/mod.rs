//! An agreement's life as data: states, events, transitions, terms and the role machines.
