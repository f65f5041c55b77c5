//! What is done in a place beyond the calls of its `Tree`: a file copied into it, an item moved inside it, folders made
//! on the way, links followed, the place itself known again.
//!
//! Invariant: everything here goes by paths and what was seen at them; nothing is known of plans and their rows, so
//! carrying out a plan and bringing back use the same. Deliberately not here: the calls themselves (`endpoint`),
//! looking at a whole place (`scan`), what is to be done (`execute`, `bins`).

pub(crate) mod copy;
pub(crate) mod follow;
pub(crate) mod made_folders;
pub(crate) mod marker;
pub(crate) mod relocate;
