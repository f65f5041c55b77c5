//! Folders that their owner may not write in (as a tool leaves what it fetched): changes in them go over, and they are
//! closed again.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::syncing::Pair;

/// A pair of an account that is no administrator; one who runs the tests as root has what lets root into every folder
/// taken away.
fn pair() -> Pair {
    let mut pair = Pair::new();
    if fs::metadata(pair.path("left")).unwrap().uid() == 0 {
        pair.room.run_through(&["setpriv", "--bounding-set=-dac_override,-dac_read_search"]);
    }
    pair
}

fn set_mode(pair: &Pair, name: &str, mode: u32) {
    fs::set_permissions(pair.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(pair: &Pair, name: &str) -> u32 {
    fs::metadata(pair.path(name)).unwrap().mode() & 0o7777
}

#[test]
fn a_change_in_a_folder_nobody_may_write_in_goes_over_and_the_folder_is_closed_again() {
    let pair = pair();
    for name in ["module/edited", "module/removed", "module/inner/moves"] {
        pair.write("left", name, name);
    }
    let folders = ["module/inner", "module"];
    folders.iter().for_each(|folder| set_mode(&pair, &format!("left/{folder}"), 0o555));
    pair.sync(&[]).expect(0);
    for folder in folders {
        assert_eq!(mode(&pair, &format!("right/{folder}")), 0o555);
    }
    let time = fs::metadata(pair.path("right/module/inner")).unwrap().modified().unwrap();

    folders.iter().for_each(|folder| set_mode(&pair, &format!("left/{folder}"), 0o755));
    pair.write("left", "module/edited", "edited, and longer");
    pair.remove("left", "module/removed");
    pair.write("left", "module/new", "new");
    fs::rename(pair.path("left/module/inner/moves"), pair.path("left/moved")).unwrap();
    folders.iter().for_each(|folder| set_mode(&pair, &format!("left/{folder}"), 0o555));
    let left_time = fs::metadata(pair.path("left/module/inner")).unwrap().modified().unwrap();
    pair.sync(&[]).expect(0);
    assert_eq!(pair.read("right", "module/edited"), "edited, and longer");
    assert_eq!(pair.read("right", "module/new"), "new");
    assert!(!pair.has("right", "module/removed") && pair.has("right", "moved"));
    for folder in folders {
        assert_eq!(mode(&pair, &format!("right/{folder}")), 0o555);
    }
    let right_time = fs::metadata(pair.path("right/module/inner")).unwrap().modified().unwrap();
    assert!(right_time == left_time && right_time != time);
    assert!(pair.plan(&[]).is_empty(), "opening and closing it is no change");
    folders.iter().rev().for_each(|folder| {
        ["left", "right"].iter().for_each(|side| set_mode(&pair, &format!("{side}/{folder}"), 0o755));
    });
}
