//! The solver's API over HTTP and WebSocket, and jobs submitted through it.
