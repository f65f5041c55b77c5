/** A pair and a conflict to test with. */
import type { SyncConflict, SyncPair, SyncPlace } from "../../api";

export function testPlace(path: string, name: string, device: string): SyncPlace {
  return { address: { path, display: path }, name, device, isLocal: true };
}

export function testPair(over: Partial<SyncPair> = {}): SyncPair {
  return {
    id: "p",
    name: "Photos",
    left: testPlace("/home/ana/Pictures", "Pictures", "laptop"),
    right: testPlace("/media/stick/photos", "photos", "laptop"),
    mode: "twoWay",
    conflicts: "ask",
    conflictRules: [],
    links: "keep",
    modes: true,
    attributes: true,
    rules: { exclude: [], maxFileBytes: null, minAgeMinutes: null, maxAgeDays: null, folders: [] },
    brakes: { removedItems: 25, removedPercent: 25, rewrittenFiles: 50, rewrittenPercent: 40, reserveBytes: 67_108_864 },
    bin: { keepAllDays: 1, keepDailyDays: 30, keepWeeklyDays: 365, limitBytes: null },
    bandwidth: { usualBytesPerSecond: null, windows: [] },
    group: null,
    schedule: { kind: "manual" },
    live: false,
    paused: false,
    state: "inStep",
    watched: "off",
    conflictsWaiting: 0,
    differs: null,
    problems: 0,
    inStepMs: 0,
    nextRunMs: null,
    lastRun: null,
    activeJobId: null,
    haltedBy: [],
    ...over,
  };
}

export function testConflict(over: Partial<SyncConflict> = {}): SyncConflict {
  const path = { path: "letters/to-ada.txt", display: "letters/to-ada.txt" };
  return {
    node: "1",
    path,
    kind: "bothChanged",
    left: { path, entryType: "file", sizeBytes: 10, modifiedMs: 2000 },
    right: { path, entryType: "file", sizeBytes: 20, modifiedMs: 1000 },
    baseModifiedMs: 500,
    keepsName: "left",
    decided: null,
    ...over,
  };
}
