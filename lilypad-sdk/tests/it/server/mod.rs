//! The server over real sockets, against a small solver in memory.

mod bound;
mod client;
mod fake;
mod hostile;
mod limits;
mod quirks;
mod raw;
mod sockets;
mod wire;
