//! Examples a person would try.
