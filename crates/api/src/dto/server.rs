//! Servers: which are trusted. A server shows a key; a person says once whether it is the right one.

use super::{dto, request, words};
use crate::error::ShownServer;

words! {
    /// What is known of the server at an address.
    pub enum ServerState {
        /// It shows the key that was accepted, or is of a kind that has its own proof.
        Trusted,
        /// Nobody accepted it yet.
        Unknown,
        /// It shows another key than the one that was accepted.
        Changed,
    }
}

dto! {
    /// What the server at an address shows.
    pub struct ServerSeen {
        /// What is known of it.
        pub state: ServerState,
        /// What it shows, where it is not trusted.
        pub server: Option<ShownServer>,
    }

    /// What was accepted is taken back.
    pub struct ServerForgotten {
        /// Whether anything was.
        pub was_known: bool,
        /// Files of the person's own `ssh` that hold a key of it: those are theirs to change.
        pub elsewhere: Vec<String>,
    }
}

request! {
    /// Looks at the server at an address.
    pub struct ServerLook {
        /// The address of a place there.
        pub address: String,
    }

    /// Accepts a server of which no key is known.
    pub struct ServerAccept {
        /// Its name or number, as it was shown.
        pub host: String,
        /// Its port.
        pub port: u16,
        /// The very key the person saw.
        pub public_key: String,
    }

    /// Takes back what was accepted.
    pub struct ServerForget {
        /// The address of a place there.
        pub address: String,
    }
}
