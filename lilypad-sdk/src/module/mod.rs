//! Modules: references, templates, the decoded job, and fetching.
//!
//! ```text
//! "cowsay:v0.0.4" ─reference─► source ─fetch─► commit, checkout, template text
//!                                                            │
//! inputs ─JSON-encoded─► template ─► rendered text ─decode─► Module ─workload─► what an executor runs
//!                                                            └► machine, input files, time-out: the job offer
//! ```
//!
//! Creator, provider and mediator each do this on their own from the same offer and must get the same job, so rendering and
//! decoding equal those of the existing network byte for byte (vectors in `tests/fixtures`), and a module's revision is
//! resolved to a commit once, by the creator.
//!
//! On the author's side `lint` says what is wrong before anybody pays, `schema` types the inputs, and `safety` refuses values that
//! a template would corrupt; nodes know none of these.
//!
//! Invariants: everything but `fetch`, `embedded` and `scaffold` is pure, and no input makes it panic or run without end. Values of inputs
//! stay out of error texts, except for the broken line of a rendered template in [`ModuleError::excerpt`], which is for the
//! person at the screen only. Paths that leave a checkout are refused.
//!
//! On a crash nothing is lost but a download: a checkout appears in the cache by one rename, complete or not at all.

mod asked;
mod decode;
#[cfg(feature = "module-git")]
pub mod embedded;
mod error;
#[cfg(feature = "module-git")]
pub mod fetch;
mod inputs;
mod json;
pub mod lint;
mod reference;
mod render;
mod resources;
mod safety;
#[cfg(feature = "scaffold")]
#[cfg_attr(docsrs, doc(cfg(feature = "scaffold")))]
pub mod scaffold;
mod schema;
pub mod spec;
pub mod template;
mod workload;

pub use asked::{InputDescription, TemplateInput, describe_inputs, template_inputs};
pub use error::{Blame, ModuleError};
#[cfg(feature = "module-git")]
pub use fetch::{Checkout, FetchPolicy, Fetcher};
pub use inputs::{input_warnings, parse_chain_inputs_compat, parse_input_flag, parse_input_flags_compat};
pub use reference::{ModuleReference, ModuleSource, TEMPLATE_PATH, is_commit};
pub use render::{decode, render, render_text, template_name};
pub use resources::Resources;
pub use safety::{AlteredInputs, render_checked};
pub use schema::{INPUTS_FILE, INPUTS_FILE_MAX, InputKind, InputSchema, InputSpec};
pub use spec::Module;
pub use workload::{DockerProgram, Network, Output, Program, WasmFile, WasmLocation, WasmProgram, Workload};
