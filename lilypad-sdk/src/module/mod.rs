//! Modules: references, templates, the decoded job, and fetching.
