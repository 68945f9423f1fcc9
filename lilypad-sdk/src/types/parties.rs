//! Whom an offer trusts and whom it targets.

use super::record::record;

record! {
    /// Solver and mediators an offer trusts. Source: network.md §1.7.
    ///
    /// The texts are compared byte for byte between two offers: they are sent as configured, never re-cased.
    pub TrustedParties {
        /// Address of the solver.
        "solver" solver: String,
        /// Addresses of mediators.
        "mediator" mediators: Option<Vec<String>>,
        /// Base URL of the metrics service; may be empty.
        "api_host" api_host: String,
    }
}

record! {
    /// The provider a job wants, if any. Source: network.md §1.8.
    pub Target {
        /// Address of the provider; empty for no target.
        "address" address: String,
    }
}
