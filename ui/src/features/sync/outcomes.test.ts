import { describe, expect, it } from "vitest";

import { canMerge, conflictWords, decidedOne, decidedWords, holdTheSame, isElsewhere, newerSide, outcomes, type Circumstances } from "./outcomes";
import { testConflict } from "./testPair";

const names = { left: "Laptop", right: "Stick" };
const around: Circumstances = { mode: "twoWay", sides: names, day: "2026-11-23", same: false };
const at = (path: string) => ({ ...testConflict().left, path: { path, display: path } });

describe("the decisions on a conflict", () => {
  it("are named by their outcome and the place, and each says what happens to the other version", () => {
    const shown = outcomes(testConflict(), names, around);
    expect(shown.map(({ choice, button }) => [choice, button])).toEqual([
      ["left", "Keep the one from Laptop"],
      ["right", "Keep the one from Stick"],
      ["both", "Keep both"],
    ]);
    expect(shown[0]?.means).toBe("Both places then have “to-ada.txt” as it is in “Laptop” now. The version in “Stick” goes to the bin in “Stick”.");
    expect(shown[1]?.means).toBe("Both places then have “to-ada.txt” as it is in “Stick” now. The version in “Laptop” goes to the bin in “Laptop”.");
  });

  it("to keep both say which one keeps the name, where that is known", () => {
    const both = (over: Parameters<typeof testConflict>[0]) => outcomes(testConflict(over), names, around).find(({ choice }) => choice === "both")?.means;
    expect(both({})).toBe("Both places then have both versions: the one from “Laptop” keeps the name “to-ada.txt”, as it is the newer one; the one from “Stick” is named “to-ada (conflict from Stick, 2026-11-23).txt” (a number follows the day if that name is taken). Nothing goes to a bin.");
    const alike = { ...testConflict().left, modifiedMs: 1000 };
    expect(both({ left: alike, keepsName: "right" })).toBe("Both places then have both versions: the one from “Stick” keeps the name “to-ada.txt”; the one from “Laptop” is named “to-ada (conflict from Laptop, 2026-11-23).txt” (a number follows the day if that name is taken). Their times do not tell which is newer, so Keepwell chose which one keeps the name. Nothing goes to a bin.");
    expect(both({ left: alike, keepsName: "left" })).toContain("the one from “Laptop” keeps the name");
    expect(both({ left: alike, keepsName: null })).toContain("one keeps the name “to-ada.txt”; the other gets the place it is from and the day in its name, as “to-ada (conflict from Stick, 2026-11-23).txt”");
  });

  it("to keep both name what really keeps its name, where the two are written differently", () => {
    const written = { ...testConflict().right, path: { path: "letters/To-Ada.txt", display: "letters/To-Ada.txt" } };
    const means = outcomes(testConflict({ kind: "bothCreated", right: written, keepsName: "right" }), names, around).find(({ choice }) => choice === "both")?.means;
    expect(means).toContain("the one from “Stick” keeps the name “To-Ada.txt”");
    expect(means).toContain("is named “to-ada (conflict from Laptop, 2026-11-23).txt”");
  });

  it("name a version as its own place has it, and both versions by the rename of one", () => {
    const shown = outcomes(testConflict({ right: at("letters/to-bo.txt") }), names, around);
    expect(shown[0]?.means).toContain("have “to-ada.txt” as it is in “Laptop”");
    expect(shown[1]?.means).toContain("have “to-bo.txt” as it is in “Stick”");
    expect(shown[2]?.means).toContain("the one from “Laptop” keeps the name “to-bo.txt”");
    expect(shown[2]?.means).toContain("“to-bo (conflict from Stick, 2026-11-23).txt”");
  });

  it("on a file and a folder say which is which, and that a folder goes with all that is in it", () => {
    const folder = { ...testConflict().right, entryType: "folder" as const, sizeBytes: null, modifiedMs: null };
    const conflict = testConflict({ kind: "kindChanged", right: folder, keepsName: "right" });
    expect(conflictWords(conflict, names)).toBe("Laptop has a file, Stick has a folder");
    expect(conflictWords(testConflict(), names)).toBe("Both were changed");
    expect(outcomes(conflict, names, around).map(({ means }) => means)).toEqual([
      "Both places then have the file “to-ada.txt” as it is in “Laptop” now. The folder in “Stick”, with all that is in it, goes to the bin in “Stick”.",
      "Both places then have the folder “to-ada.txt”, with all that is in it, as it is in “Stick” now. The file in “Laptop” goes to the bin in “Laptop”.",
      "Both places then have both: the folder from “Stick” keeps the name “to-ada.txt”, with all that is in it; the file from “Laptop” is named “to-ada (conflict from Laptop, 2026-11-23).txt” (a number follows the day if that name is taken). Nothing goes to a bin.",
    ]);
  });

  it("where files move in leave what is there its name", () => {
    const both = outcomes(testConflict({ keepsName: "left" }), names, { ...around, mode: "moveIn" })[2];
    expect(both?.means).toContain("its own keeps the name “to-ada.txt”, the one from “Laptop” moves in as “to-ada (conflict from Laptop, 2026-11-23).txt”");
    expect(both?.means).toContain("goes to the bin in “Laptop”");
    expect(both?.bins).toBe(true);
  });

  it("never speak of left and right", () => {
    for (const kind of ["bothChanged", "bothCreated", "bothMoved", "movedIntoEachOther", "kindChanged"] as const) {
      for (const { button, means } of outcomes(testConflict({ kind }), names, around)) {
        expect(`${button} ${means}`).not.toMatch(/\b(left|right|mine|theirs|local|remote)\b/i);
      }
    }
  });

  it("of a move are about where it lies, and both can not stay", () => {
    const conflict = testConflict({ kind: "bothMoved", left: at("a/x"), right: at("b/x") });
    const shown = outcomes(conflict, names, { ...around, same: true });
    expect(shown.map(({ button }) => button)).toEqual(["Keep it where Laptop has it", "Keep it where Stick has it"]);
    expect(shown[1]?.means).toBe("In “Laptop” it is moved to “b/x”, as “Stick” has it now. What it holds does not change, and nothing goes to a bin.");
    expect(shown.some(({ bins }) => bins)).toBe(false);
    const edited = outcomes(conflict, names, around);
    expect(edited[1]?.means).toBe("In “Laptop” it is moved to “b/x”, as “Stick” has it now, and holds what it holds in “Stick”. If that differs, the version in “Laptop” goes to the bin in “Laptop”.");
    expect(edited[1]?.bins).toBe(true);
  });

  it("offer merging only for two texts at one place that differ", () => {
    const line = (kind: "same" | "left") => ({ kind, left: 1, right: 1, text: "x" });
    const view = { conflict: testConflict(), left: null, right: null, leftFolder: null, rightFolder: null, lines: [line("left")], merged: { lines: [], whole: true, hash: "h" } };
    expect(canMerge(view)).toBe(true);
    expect(canMerge({ ...view, lines: [] })).toBe(false);
    expect(canMerge({ ...view, lines: [line("same")] })).toBe(false);
    expect(canMerge({ ...view, conflict: testConflict({ kind: "bothMoved" }) })).toBe(false);
    expect(canMerge({ ...view, merged: null })).toBe(false);
  });

  it("hold the same only where that is known", () => {
    const { left } = testConflict();
    const alike = (over: Partial<typeof left>) => holdTheSame({ conflict: testConflict({ right: { ...left, ...over } }), lines: null });
    expect(alike({})).toBe(true);
    expect(alike({ sizeBytes: 11 })).toBe(false);
    expect(alike({ modifiedMs: 1 })).toBe(false);
    const timeless = { ...left, modifiedMs: null };
    expect(holdTheSame({ conflict: testConflict({ left: timeless, right: timeless }), lines: null })).toBe(false);
    const folder = { ...left, entryType: "folder" as const, sizeBytes: null, modifiedMs: null };
    expect(holdTheSame({ conflict: testConflict({ left: folder, right: { ...folder, modifiedMs: 5 } }), lines: null })).toBe(true);
  });

  it("tell of where it was before only where it is elsewhere now", () => {
    expect(isElsewhere(testConflict())).toBe(false);
    expect(isElsewhere(testConflict({ right: at("letters/to-bo.txt") }))).toBe(true);
    expect(isElsewhere(testConflict({ kind: "bothCreated", right: at("letters/To-Ada.txt") }))).toBe(false);
  });

  it("mark the newer version only where the times tell", () => {
    expect(newerSide(testConflict())).toBe("left");
    expect(newerSide(testConflict({ left: { ...testConflict().left, modifiedMs: null } }))).toBeUndefined();
    expect(newerSide(testConflict({ left: { ...testConflict().left, modifiedMs: 1000 } }))).toBeUndefined();
  });

  it("are told with the file they are about", () => {
    expect(decidedOne(testConflict(), "left", names)).toBe("“to-ada.txt”: the one from Laptop is kept");
    expect(decidedOne(testConflict({ kind: "bothMoved" }), "right", names)).toBe("“to-ada.txt”: it is kept where Stick has it");
    expect(decidedOne(testConflict(), "both", names)).toBe("“to-ada.txt”: both are kept");
    expect(decidedOne(testConflict(), "merged", names)).toBe("“to-ada.txt”: both are merged into one text");
  });

  it("that were taken are told in the same words", () => {
    expect(decidedWords(testConflict({ decided: "right" }), names)).toBe("Keep the one from Stick");
    expect(decidedWords(testConflict(), names)).toBe("");
  });
});
