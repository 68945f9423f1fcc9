//! The role machines: solver, provider, creator and mediator as data in, effects out.
