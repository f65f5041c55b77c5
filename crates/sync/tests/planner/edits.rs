//! What people do to a place, as data that shrinks.

use keepwell_model::EntryKind;
use proptest::prelude::*;

use crate::model::{Path, Place, is_below, join, name, parent};

/// Numbers are taken modulo what is there.
#[derive(Clone, Debug)]
pub enum Edit {
    File {
        folder: u8,
        name: u8,
        content: u8,
    },
    Folder {
        folder: u8,
        name: u8,
    },
    Link {
        folder: u8,
        name: u8,
        content: u8,
    },
    Write {
        item: u8,
        content: u8,
    },
    Remove {
        item: u8,
    },
    Move {
        item: u8,
        folder: u8,
        name: u8,
    },
    Into {
        item: u8,
        folder: u8,
    },
    Rename {
        item: u8,
        name: u8,
    },
    Swap {
        one: u8,
        two: u8,
    },
    Mode {
        item: u8,
        mode: u8,
    },
    Touch {
        item: u8,
    },
    /// Saved by writing another file and renaming it over.
    Save {
        item: u8,
        content: u8,
    },
}

pub fn edits(most: usize) -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(edit(), 0..most)
}

fn edit() -> impl Strategy<Value = Edit> {
    let any = any::<u8>;
    prop_oneof![
        4 => (any(), any(), any()).prop_map(|(folder, name, content)| Edit::File { folder, name, content }),
        3 => (any(), any()).prop_map(|(folder, name)| Edit::Folder { folder, name }),
        1 => (any(), any(), any()).prop_map(|(folder, name, content)| Edit::Link { folder, name, content }),
        3 => (any(), any()).prop_map(|(item, content)| Edit::Write { item, content }),
        3 => any().prop_map(|item| Edit::Remove { item }),
        3 => (any(), any(), any()).prop_map(|(item, folder, name)| Edit::Move { item, folder, name }),
        3 => (any(), any()).prop_map(|(item, folder)| Edit::Into { item, folder }),
        2 => (any(), any()).prop_map(|(item, name)| Edit::Rename { item, name }),
        2 => (any(), any()).prop_map(|(one, two)| Edit::Swap { one, two }),
        1 => (any(), any()).prop_map(|(item, mode)| Edit::Mode { item, mode }),
        1 => any().prop_map(|item| Edit::Touch { item }),
        2 => (any(), any()).prop_map(|(item, content)| Edit::Save { item, content }),
    ]
}

const NAMES: [&str; 10] = ["a", "b", "c", "d", "A", "B", "\u{e9}", "e\u{301}", "x?", "CON"];

/// Does them; `kinds` names how many of the odd names are used, `origin` keeps contents of different hands apart.
pub fn apply(place: &mut Place, edits: &[Edit], names: usize, origin: u64) {
    for (number, edit) in edits.iter().enumerate() {
        let time = i64::try_from(1000 * (origin + 1)).unwrap() + i64::try_from(number).unwrap();
        one(place, edit, names, origin, time);
    }
}

fn one(place: &mut Place, edit: &Edit, names: usize, origin: u64, time: i64) {
    let folders: Vec<Path> = std::iter::once(Path::new())
        .chain(
            place
                .items
                .iter()
                .filter(|(_, item)| item.kind == EntryKind::Folder)
                .map(|(path, _)| path.clone()),
        )
        .collect();
    let items: Vec<Path> = place.items.keys().cloned().collect();
    let folder = |number: u8| folders[usize::from(number) % folders.len()].clone();
    let item = |number: u8| items.get(usize::from(number) % items.len().max(1)).cloned();
    let called = |number: u8| NAMES[usize::from(number) % names].as_bytes();
    // A few contents both sides may come to by themselves.
    let content =
        |number: u8| if number < 40 { u64::from(number % 4) } else { origin * 1000 + u64::from(number) };
    match edit {
        Edit::File { folder: at, name, content: with } => {
            place.make(&join(&folder(*at), called(*name)), EntryKind::File, content(*with), time);
        }
        Edit::Folder { folder: at, name } => {
            place.make(&join(&folder(*at), called(*name)), EntryKind::Folder, 0, 0);
        }
        Edit::Link { folder: at, name, content: with } => {
            place.make(&join(&folder(*at), called(*name)), EntryKind::Symlink, content(*with), time);
        }
        Edit::Write { item: at, content: with } => write(place, item(*at), content(*with), time, false),
        Edit::Save { item: at, content: with } => write(place, item(*at), content(*with), time, true),
        Edit::Remove { item: at } => {
            if let Some(path) = item(*at) {
                place.remove(&path);
            }
        }
        Edit::Move { item: at, folder: to, name } => {
            if let Some(path) = item(*at) {
                place.rename(&path, &join(&folder(*to), called(*name)));
            }
        }
        Edit::Into { item: at, folder: to } => {
            if let Some(path) = item(*at) {
                let to = join(&folder(*to), name(&path));
                place.rename(&path, &to);
            }
        }
        Edit::Rename { item: at, name } => {
            if let Some(path) = item(*at) {
                place.rename(&path, &join(parent(&path), called(*name)));
            }
        }
        Edit::Swap { one, two } => swap(place, item(*one), item(*two)),
        Edit::Mode { item: at, mode } => {
            if let Some(item) = item(*at).and_then(|path| place.items.get_mut(&path))
                && item.kind != EntryKind::Symlink
            {
                place.clock += 1;
                item.mode = 0o600 + u32::from(mode % 3);
                item.change = place.clock;
            }
        }
        Edit::Touch { item: at } => {
            if let Some(item) = item(*at).and_then(|path| place.items.get_mut(&path)) {
                place.clock += 1;
                item.modified = time;
                item.change = place.clock;
            }
        }
    }
}

fn write(place: &mut Place, path: Option<Path>, content: u64, time: i64, anew: bool) {
    let Some(item) = path.and_then(|path| place.items.get_mut(&path)) else { return };
    if item.kind != EntryKind::File || item.content == content {
        return;
    }
    place.clock += 1;
    item.content = content;
    item.modified = time;
    item.change = place.clock;
    if anew {
        item.id = place.clock;
    }
}

fn swap(place: &mut Place, one: Option<Path>, two: Option<Path>) {
    let (Some(one), Some(two)) = (one, two) else { return };
    if one == two || is_below(&one, &two) || is_below(&two, &one) {
        return;
    }
    let aside = join(parent(&one), b"zz");
    if place.rename(&one, &aside) {
        assert!(place.rename(&two, &one));
        assert!(place.rename(&aside, &two));
    }
}
