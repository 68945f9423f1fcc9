//! Flags, environment, file and preset become structs that leave nothing to interpret.
//!
//! Order: flag, environment variable, `--config` file, the network's preset, built-in default. A value that cannot be read is
//! an error that names where it came from; nothing falls back silently.

mod contracts;
mod devnet;
mod network;
mod read;
mod run;
mod solver;

pub(crate) use self::{
    contracts::{DeploySettings, FundSettings, SetSettings},
    devnet::{Chain, DevnetSettings},
    network::Connection,
    read::Reader,
    run::{AttachSettings, RunSettings, ViewSettings, at_path, template_path},
    solver::SolverSettings,
};
