//! What crosses the border: requests and answers of every command, one file per noun.
//!
//! Invariants: camelCase; ids are strings; counts and bytes are [`crate::Count`], times [`crate::Moment`] (Unix
//! milliseconds), paths [`crate::PathText`] in answers and its `path` form in requests; absent is `null`. Requests
//! refuse fields they do not know. Lists that can grow are paged. Deliberately not here: any behaviour.

pub mod app;
pub mod backup;
pub mod folder;
pub mod job;
pub mod place;
pub mod plan;
pub mod replica;
pub mod repository;
pub mod restore;
pub mod server;
pub mod snapshot;
pub mod sync;
pub mod sync_bin;
pub mod sync_conflict;
pub mod sync_plan;
pub mod sync_rules;

/// Derives what every DTO needs.
macro_rules! dto {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, ts_rs::TS)]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }
    )*};
}

/// Derives what every request needs.
macro_rules! request {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Deserialize, ts_rs::TS)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[ts(optional_fields)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }
    )*};
}

/// Derives what every enumeration without data needs.
macro_rules! words {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, ts_rs::TS)]
        #[serde(rename_all = "camelCase")]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }
    )*};
}

pub(crate) use {dto, request, words};

request! {
    /// A command that needs to be told nothing.
    pub struct Nothing {}
}

dto! {
    /// It is done; there is nothing to tell.
    pub struct Done {}
}
