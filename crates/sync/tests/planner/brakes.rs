//! The brakes weigh a plan together with what the runs just before it did.

use keepwell_endpoint::tree::{Fingerprint, Version};
use keepwell_model::{ContentHash, EntryKind, Timestamp};
use keepwell_sync::node::{Content, NodeId, Side, State};
use keepwell_sync::plan::{Brake, Earlier};
use keepwell_sync::planner::plan;
use keepwell_sync::policy::{BrakeKind, Policy};
use keepwell_sync::trees::{BaseNode, BaseTree, Changes, Circumstances, Recent, Seen, SeenNode, SideTree};

use crate::model::capabilities;

const FILES: u64 = 100;

fn state(content: u8, seconds: i64) -> State {
    State {
        kind: EntryKind::File,
        size_bytes: 1,
        content: Content::Known(ContentHash([content; 32])),
        modified: Some(Timestamp::new(seconds, 0)),
        mode: None,
        attributes: None,
    }
}

fn fingerprint(id: u64, state: &State) -> Fingerprint {
    Fingerprint {
        kind: state.kind,
        size_bytes: state.size_bytes,
        modified: state.modified,
        version: Version([0; 16]),
        id,
    }
}

/// The brakes of a plan by which the left rewrote and removed the first files, after runs that did this to the right.
fn brakes(rewritten: u64, removed: u64, recent: Recent, policy: &Policy) -> Vec<Brake> {
    let mut base = BaseTree::default();
    let mut changes = Changes::default();
    for id in 1..=FILES {
        let before = state(1, 1);
        let print = fingerprint(id, &before);
        let name = format!("file {id}").into_bytes();
        base.insert(
            NodeId(id),
            BaseNode {
                parent: NodeId::ROOT,
                name: name.clone(),
                left_name: None,
                right_name: None,
                state: before,
                left: print,
                right: print,
            },
        );
        if id <= rewritten {
            let now = state(2, 2);
            let fingerprint = fingerprint(id, &now);
            let seen = SeenNode { parent: NodeId::ROOT, name, state: now, fingerprint };
            changes.insert(NodeId(id), Seen::Here(seen));
        } else if id <= rewritten + removed {
            changes.insert(NodeId(id), Seen::Gone);
        }
    }
    let side = |changes, recent| SideTree {
        changes,
        blind: Default::default(),
        occupied: Default::default(),
        folder_times: Default::default(),
        capabilities: capabilities(),
        circumstances: Circumstances { items: FILES, recent, ..Circumstances::default() },
    };
    plan(&base, &side(changes, Recent::default()), &side(Changes::default(), recent), policy).brakes
}

fn removed(items: u64) -> Recent {
    Recent { removed: items, removed_since_ms: 7, ..Recent::default() }
}

fn rewrote(ids: std::ops::RangeInclusive<u64>) -> Recent {
    Recent { rewritten: ids.map(NodeId).collect(), rewritten_since_ms: 8, ..Recent::default() }
}

#[test]
fn what_went_before_counts_with_what_would_go_now() {
    let policy = Policy::default();
    // More than a quarter of the 125 there were.
    assert_eq!(brakes(0, 6, removed(25), &policy), []);
    let pulled = brakes(0, 7, removed(25), &policy);
    let told = pulled.iter().map(|brake| (brake.kind, brake.side, brake.items, brake.out_of, brake.earlier));
    let earlier = Some(Earlier { items: 25, since_ms: 7 });
    assert_eq!(told.collect::<Vec<_>>(), [(BrakeKind::ManyRemoved, Side::Left, 32, 125, earlier)]);
    let released = Policy { released: vec![BrakeKind::ManyRemoved], ..Policy::default() };
    assert_eq!(brakes(0, 7, removed(25), &released), []);
}

#[test]
fn what_earlier_runs_did_alone_holds_nothing_up() {
    let policy = Policy::default();
    assert_eq!(brakes(1, 0, removed(90), &policy), []);
    assert_eq!(brakes(0, 1, rewrote(1..=90), &policy), []);
}

#[test]
fn a_file_that_is_rewritten_again_counts_once() {
    let policy = Policy::default();
    assert_eq!(brakes(50, 0, rewrote(1..=50), &policy), []);
    let pulled = brakes(30, 0, rewrote(20..=51), &policy);
    let told = pulled.iter().map(|brake| (brake.kind, brake.items, brake.out_of, brake.earlier));
    let earlier = Some(Earlier { items: 21, since_ms: 8 });
    assert_eq!(told.collect::<Vec<_>>(), [(BrakeKind::ManyRewritten, 51, 100, earlier)]);
}
