//! Places: where data lives, and whether it is well.

use super::{dto, request, words};
use crate::{ApiError, Count, Moment, PathText};

words! {
    /// How a place is, in one word.
    pub enum PlaceStatus {
        /// Reachable, opens, the last check (if any) found nothing.
        Good,
        /// Reachable, but a person should look: never checked for long, little space, problems found.
        Attention,
        /// Can not be reached or opened now.
        Unreachable,
    }

    /// How deep a check looks.
    pub enum CheckLevel {
        /// Structure: every index, snapshot and folder; no file content is read.
        Quick,
        /// All content is read back and proven.
        Full,
    }
}

dto! {
    /// The newest finished check of a place.
    pub struct LastCheck {
        /// The job that did it.
        pub job_id: String,
        /// When it ended.
        pub finished_ms: Moment,
        /// How deep it looked.
        pub level: CheckLevel,
        /// Problems it found; 0 is good.
        pub problems: Count,
    }

    /// How a place is.
    pub struct PlaceHealth {
        /// In one word.
        pub status: PlaceStatus,
        /// In a sentence.
        pub sentence: String,
        /// Whether it can be reached and opened.
        pub reachable: bool,
        /// Why not.
        pub error: Option<ApiError>,
        /// Free space.
        pub free_bytes: Option<Count>,
        /// Size of the volume.
        pub total_bytes: Option<Count>,
        /// Snapshots in it.
        pub snapshots: Option<Count>,
        /// When the newest snapshot was made.
        pub latest_snapshot_ms: Option<Moment>,
        /// Bytes the repository takes.
        pub stored_bytes: Option<Count>,
        /// The newest finished check.
        pub last_check: Option<LastCheck>,
    }

    /// Somewhere data lives: today a repository in a folder.
    pub struct Place {
        /// Its id.
        pub id: String,
        /// What the person calls it.
        pub label: String,
        /// Where it is.
        pub path: PathText,
        /// The repository in it.
        pub repository_id: String,
        /// When it was added.
        pub created_ms: Moment,
        /// Whether the keyring holds its password.
        pub password_kept: bool,
        /// Plans that use it.
        pub plans: Count,
        /// How it is; only where it was asked for.
        pub health: Option<PlaceHealth>,
    }

    /// All places.
    pub struct PlaceList {
        /// In the order they were added.
        pub places: Vec<Place>,
    }
}

request! {
    /// Lists the places.
    pub struct PlaceListGet {
        /// Whether to look at each (takes a moment where a drive sleeps).
        pub health: bool,
    }

    /// Names one place.
    pub struct PlaceGet {
        /// Its id.
        pub place_id: String,
    }

    /// Forgets a place: nothing is deleted there. Plans that use it must go first.
    pub struct PlaceForget {
        /// Its id.
        pub place_id: String,
    }

    /// Gives a place another name.
    pub struct PlaceRename {
        /// Its id.
        pub place_id: String,
        /// The new name.
        pub label: String,
    }

    /// Starts a check.
    pub struct PlaceCheck {
        /// Which repository.
        pub repository: super::repository::RepositoryAddress,
        /// How deep.
        pub level: CheckLevel,
        /// Whether to rebuild what can be rebuilt.
        pub repair: Option<bool>,
    }
}
