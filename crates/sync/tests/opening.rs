//! The database of a pair, opened by many at the same time: by a run, and by whoever looks at the pair meanwhile.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::sync::Barrier;

use keepwell_model::PairId;
use keepwell_sync::PairDatabase;

#[test]
fn a_database_that_many_open_at_once_is_made_once_and_never_taken_for_damaged() {
    const OPENERS: usize = 8;
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let together = Barrier::new(OPENERS);
        let open = || {
            together.wait();
            PairDatabase::open(folder.path(), PairId([7; 16]), 1).map(|(_, notices)| notices)
        };
        let opened: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..OPENERS).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for result in opened {
            assert_eq!(result.unwrap(), Vec::<String>::new());
        }
    }
}
