//! The loopback host: the same interface over HTTP on this machine alone, for machines without a display and for tests.
//!
//! Invariants:
//! 1. It listens on 127.0.0.1 only.
//! 2. Every command needs the token of this start; it is compared in constant time and never logged.
//! 3. A request whose `Host` or `Origin` is not this server is refused: another site's page can not reach it, not even
//!    by a name that resolves to this machine.
//! 4. The page runs under a strict content security policy.
//!
//! Changes of jobs are followed by long polling (`job.changes`), as in every host. Deliberately not here: what commands
//! do, TLS (nothing leaves the machine), and users (whoever has the token is the person).

pub mod guard;
pub mod page;
pub mod server;

pub use guard::{Guard, Token};
pub use page::Page;
pub use server::router;
