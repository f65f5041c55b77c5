//! What is mounted where on this machine, as Linux tells it.
//!
//! Invariant: no file system is asked, for one may hang. Elsewhere nothing is told here. Deliberately not here: which
//! volume is mounted at a place (`volumes`).

use std::path::Path;

use keepwell_endpoint::local::unescaped;

/// What is mounted where, as the system says it in one text. Empty where it says nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mounts(Vec<u8>);

impl Mounts {
    pub(crate) fn now() -> Self {
        match cfg!(target_os = "linux") {
            true => Self(std::fs::read("/proc/self/mountinfo").unwrap_or_default()),
            false => Self::default(),
        }
    }

    /// The mount a path lies on: the innermost, of several at one place the last. Its id, device, root and place
    /// (`proc_pid_mountinfo(5)`); other fields change while it stays.
    pub(crate) fn of(&self, path: &Path) -> Option<Vec<u8>> {
        let mut found: Option<(usize, Vec<u8>)> = None;
        for line in self.0.split(|byte| *byte == b'\n') {
            let fields: Vec<&[u8]> = line.splitn(6, |byte| *byte == b' ').collect();
            let [id, _, device, root, place, _] = fields.as_slice() else { continue };
            let unescaped = unescaped(place);
            let place_path = Path::new(std::str::from_utf8(&unescaped).unwrap_or_default());
            let depth = place_path.components().count();
            if path.starts_with(place_path) && found.as_ref().is_none_or(|(other, _)| depth >= *other) {
                found = Some((depth, [*id, device, root, place].join(&b' ')));
            }
        }
        found.map(|(_, mount)| mount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
        40 22 8:17 / /media/me/My\\040Drive rw - exfat /dev/sdb1 rw\n\
        41 22 0:40 / /media rw - tmpfs none rw\n";

    fn mount(text: &str, path: &str) -> Option<String> {
        let found = Mounts(text.into()).of(Path::new(path));
        found.map(|mount| String::from_utf8(mount).unwrap())
    }

    #[test]
    fn a_path_lies_on_the_innermost_mount_and_of_several_on_the_last() {
        assert_eq!(mount(MOUNTS, "/home/me").as_deref(), Some("22 254:0 / /"));
        let drive = "40 8:17 / /media/me/My\\040Drive";
        assert_eq!(mount(MOUNTS, "/media/me/My Drive/photos").as_deref(), Some(drive));
        assert_eq!(mount(MOUNTS, "/media/me/My Drive2").as_deref(), Some("41 0:40 / /media"));
        let over = format!("{MOUNTS}50 40 8:33 / /media/me/My\\040Drive ro - vfat /dev/sdc1 ro\n");
        assert_eq!(mount(&over, "/media/me/My Drive").as_deref(), Some("50 8:33 / /media/me/My\\040Drive"));
        // That it is read-only now is no other mount.
        assert_eq!(mount(&MOUNTS.replace(" rw", " ro"), "/media/me/My Drive").as_deref(), Some(drive));
        assert_eq!(mount("", "/home"), None);
    }
}
