//! Folders of this machine: what to suggest at first, and browsing for hosts without a native dialog.

use super::{dto, request, words};
use crate::{Count, PathText};

words! {
    /// What a suggested folder is.
    pub enum FolderKind {
        /// The whole home folder.
        Home,
        /// Documents.
        Documents,
        /// Pictures.
        Pictures,
        /// The desktop.
        Desktop,
        /// Music.
        Music,
        /// Videos.
        Videos,
        /// Downloads.
        Downloads,
    }
}

dto! {
    /// A folder worth protecting.
    pub struct FolderSuggestion {
        /// What it is.
        pub kind: FolderKind,
        /// Where it is.
        pub path: PathText,
        /// Whether it is there.
        pub exists: bool,
        /// Whether it is ticked at first.
        pub recommended: bool,
    }

    /// A drive or volume copies may go to.
    pub struct VolumeSuggestion {
        /// Its name: the volume's, or the last part of its path.
        pub name: String,
        /// Where it is mounted.
        pub path: PathText,
        /// The folder proposed for a repository on it.
        pub proposed: PathText,
        /// Whether it is another device than the home folder's: a copy there survives the disk.
        pub other_device: bool,
        /// Free space.
        pub free_bytes: Option<Count>,
        /// Size.
        pub total_bytes: Option<Count>,
    }

    /// Answers to "what matters?" and "where may copies go?".
    pub struct FolderSuggestions {
        /// Folders worth protecting.
        pub sources: Vec<FolderSuggestion>,
        /// Places copies may go to, best first.
        pub volumes: Vec<VolumeSuggestion>,
    }

    /// A folder in a listing.
    pub struct FolderRow {
        /// Its name, for people.
        pub name: String,
        /// Where it is.
        pub path: PathText,
        /// Whether it is hidden by custom (a leading dot).
        pub hidden: bool,
    }

    /// One level of folders.
    pub struct FolderListing {
        /// The folder listed.
        pub path: PathText,
        /// The one above; nothing at the top.
        pub parent: Option<PathText>,
        /// The folders in it, by name; at most 2,000.
        pub folders: Vec<FolderRow>,
        /// Whether there are more than are shown.
        pub truncated: bool,
        /// Whether something can be written here.
        pub writable: bool,
        /// Free space here.
        pub free_bytes: Option<Count>,
    }
}

request! {
    /// Lists the folders in a folder.
    pub struct FolderList {
        /// The folder; nothing means the home folder.
        pub path: Option<String>,
    }
}
