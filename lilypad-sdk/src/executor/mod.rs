//! Running a job in a sandbox.
