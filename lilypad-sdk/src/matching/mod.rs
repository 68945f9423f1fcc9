//! Which resource offer serves which job offer.
