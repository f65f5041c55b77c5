/** A run to test with. */
import type { Job, SyncWhat } from "../api";

export function testWhat(over: Partial<SyncWhat> = {}): SyncWhat {
  return { words: "run", work: "run", origin: "person", onlyLooks: false, lookedFirst: false, wentOn: false, broughtBackFrom: null, undoes: 0, undoesBegunMs: [], ...over };
}

export function testJob(over: Partial<Job> = {}): Job {
  return {
    id: "j",
    kind: "sync",
    title: "Sync Photos",
    state: "succeeded",
    waitingFor: null,
    halt: null,
    error: null,
    placeId: null,
    placeLabel: "Photos",
    planId: null,
    pairId: "p",
    sync: testWhat(),
    queuedMs: 0,
    startedMs: 0,
    finishedMs: 1000,
    progress: null,
    result: null,
    problems: 0,
    here: true,
    canPause: false,
    canResume: false,
    canCancel: false,
    canRetry: false,
    hasReceipt: false,
    revision: 1,
    ...over,
  };
}
