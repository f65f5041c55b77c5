//! What can be typed about places: a second copy of a repository, and which servers are the right ones.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::arguments::{parse_time, parse_weekly};

#[derive(Debug, Args)]
pub struct RepositoryReplicate {
    /// The repository: a folder, or the address of a server.
    pub source: PathBuf,
    /// Where to keep it a second time: a folder, or the address of a server. Without it: what is known of second copies.
    pub target: Option<PathBuf>,
    /// Copies what is new and compares names and sizes; without it, everything is read in both places and compared.
    #[arg(long, requires = "target")]
    pub quick: bool,
    /// Goes on although a safety brake is pulled.
    #[arg(long, requires = "target")]
    pub release_brake: bool,
    /// Only remembers it: to be run every so many hours (1 to 168).
    #[arg(long, value_name = "HOURS", group = "remember", requires = "target")]
    pub every: Option<u16>,
    /// Only remembers it: to be run every day at this time.
    #[arg(long, value_name = "HH:MM", group = "remember", requires = "target", value_parser = parse_time)]
    pub daily: Option<u16>,
    /// Only remembers it: to be run once a week, as in `monday@18:30`.
    #[arg(long, value_name = "DAY@HH:MM", group = "remember", requires = "target", value_parser = parse_weekly)]
    pub weekly: Option<(u8, u16)>,
    /// Takes it off the list; what was copied stays.
    #[arg(long, group = "remember", requires = "target")]
    pub forget: bool,
}

#[derive(Debug, Subcommand)]
pub enum PlaceVerb {
    /// Accepts the key of an SSH server, once you have compared its fingerprint.
    Trust(PlaceTrust),
    /// Takes back what was accepted of an SSH server: its new key can be accepted then.
    Distrust(PlaceDistrust),
}

#[derive(Debug, Args)]
pub struct PlaceTrust {
    /// The address of a place on the server: sftp://server or sftp://server/folder.
    pub address: String,
    /// Accepts the server if it shows this fingerprint (SHA256:…), and asks nothing.
    #[arg(long, value_name = "SHA256:…")]
    pub fingerprint: Option<String>,
}

#[derive(Debug, Args)]
pub struct PlaceDistrust {
    /// The address of a place on the server.
    pub address: String,
}
