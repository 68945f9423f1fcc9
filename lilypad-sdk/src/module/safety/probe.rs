//! Renders a template with many values, as long as that does not take too long.

use std::collections::BTreeMap;

use crate::module::json::{self, Syntax};
use crate::module::render::encoded;
use crate::module::template::{Template, TemplateError, Traced};
use crate::types::Node;

/// Steps of templates that looking at values may take, or as much time spent on reading what they write.
const WORK: usize = 1_500_000;
/// Bytes that are written and read again in the time of a step.
const BYTES_PER_STEP: usize = 32;

/// What an input costs beside its bytes.
const BYTES_AN_INPUT: usize = 128;

/// One rendering, read as JSON.
#[derive(Debug)]
pub(in crate::module) struct Shot {
    pub(in crate::module) traced: Traced,
    pub(in crate::module) node: Result<Node, Syntax>,
}

/// Why there is no rendering.
#[derive(Debug)]
pub(in crate::module) enum Stop {
    /// The template stops.
    Template(TemplateError),
    /// All the work that looking may take was done.
    Spent,
}

/// Renders a template again and again, up to a limit of work.
#[derive(Debug)]
pub(in crate::module) struct Prober<'a> {
    pub(in crate::module) template: &'a Template,
    /// Whether the template writes anything else than its values on purpose.
    pub(in crate::module) any_transforms: bool,
    left: usize,
}

impl<'a> Prober<'a> {
    pub(in crate::module) fn new(template: &'a Template) -> Self {
        Self { template, any_transforms: template.survey().any_transforms, left: WORK }
    }

    pub(in crate::module) fn is_spent(&self) -> bool {
        self.left == 0
    }

    pub(in crate::module) fn shoot(&mut self, inputs: &BTreeMap<String, String>) -> Result<Shot, Stop> {
        if self.is_spent() {
            return Err(Stop::Spent);
        }
        let (run, steps) = self.template.execute_traced(&encoded(inputs));
        let given: usize = inputs.iter().map(|(name, value)| BYTES_AN_INPUT + name.len() + value.len()).sum();
        let written = run.as_ref().map_or(0, |traced| traced.output.len());
        self.left = self.left.saturating_sub(steps.saturating_add((given + written) / BYTES_PER_STEP));
        let traced = run.map_err(Stop::Template)?;
        let node = json::parse(&traced.output);
        Ok(Shot { traced, node })
    }

    /// As [`Prober::shoot`], without putting the inputs together in vain.
    pub(in crate::module) fn shoot_unless_spent(
        &mut self,
        inputs: impl FnOnce() -> BTreeMap<String, String>,
    ) -> Result<Shot, Stop> {
        if self.is_spent() { Err(Stop::Spent) } else { self.shoot(&inputs()) }
    }

    pub(in crate::module) fn is_json(&mut self, inputs: &BTreeMap<String, String>) -> bool {
        self.shoot(inputs).is_ok_and(|shot| shot.node.is_ok())
    }
}
