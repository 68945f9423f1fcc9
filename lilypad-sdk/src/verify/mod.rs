//! How results are compared and identified.
