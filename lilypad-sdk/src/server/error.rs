//! Why a server does not start or stopped.

use std::{io, net::SocketAddr};

use crate::types::{AuthMode, Settlement};

/// Why a server does not start or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Settlement and signatures that must not stand together.
    #[error("a solver that settles {settlement:?} cannot take {auth:?} signatures: on chain requires bound")]
    Inconsistent {
        /// Where deals settle.
        settlement: Settlement,
        /// Which signatures are taken.
        auth: AuthMode,
    },
    /// A task of the server panicked.
    #[error("the server on {addr} stopped: {detail}")]
    Stopped {
        /// Where it listened.
        addr: SocketAddr,
        /// What happened.
        detail: String,
    },
}

impl ServerError {
    /// Whether another process has the port.
    pub fn is_port_taken(&self) -> bool {
        matches!(self, Self::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }

    /// What the person can do about it, where something is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Bind { addr, .. } if self.is_port_taken() => {
                Some(format!("another program uses port {}: stop it or choose another port", addr.port()))
            }
            Self::Bind { addr, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(format!("port {} needs rights; choose one above 1023", addr.port()))
            }
            _ => None,
        }
    }
}
