import { describe, expect, it } from "vitest";

import { decidedWords, newerSide, outcomes } from "./outcomes";
import { testConflict } from "./testPair";

const names = { left: "Laptop", right: "Stick" };

describe("the decisions on a conflict", () => {
  it("are named by their outcome and the place, and each says what happens to the other version", () => {
    const shown = outcomes(testConflict(), names);
    expect(shown.map(({ choice, button }) => [choice, button])).toEqual([
      ["left", "Keep the one from Laptop"],
      ["right", "Keep the one from Stick"],
      ["both", "Keep both"],
    ]);
    expect(shown[0]?.means).toBe("Both places then have “to-ada.txt” as it is in “Laptop” now. The version in “Stick” goes to Keepwell’s bin there, and the Bin of this pair brings it back.");
    expect(shown[1]?.means).toBe("Both places then have “to-ada.txt” as it is in “Stick” now. The version in “Laptop” goes to Keepwell’s bin there, and the Bin of this pair brings it back.");
  });

  it("to keep both say which one keeps the name, where that is known", () => {
    const both = (over: Parameters<typeof testConflict>[0]) => outcomes(testConflict(over), names).find(({ choice }) => choice === "both")?.means;
    expect(both({})).toBe("Both places then have both versions: the newer one, from “Laptop”, keeps the name “to-ada.txt”; the one from “Stick” gets “(conflict from Stick, …)” with the day added to its name. Nothing goes to a bin.");
    const alike = { ...testConflict().left, modifiedMs: 1000 };
    expect(both({ left: alike, keepsName: "right" })).toBe("Both places then have both versions: the one from “Stick” keeps the name “to-ada.txt”, the one from “Laptop” gets “(conflict from Laptop, …)” with the day added to its name. Neither is surely the newer one. Nothing goes to a bin.");
    expect(both({ left: alike, keepsName: "left" })).toContain("the one from “Laptop” keeps the name");
    expect(both({ left: alike, keepsName: null })).toContain("one keeps the name “to-ada.txt”, the other gets “conflict from”");
  });

  it("to keep both name what really keeps its name, where the two are written differently", () => {
    const written = { ...testConflict().right, path: { path: "letters/To-Ada.txt", display: "letters/To-Ada.txt" } };
    const means = outcomes(testConflict({ right: written, keepsName: "right" }), names).find(({ choice }) => choice === "both")?.means;
    expect(means).toContain("keeps the name “To-Ada.txt”");
  });

  it("never speak of left and right", () => {
    for (const kind of ["bothChanged", "bothCreated", "bothMoved", "movedIntoEachOther", "kindChanged"] as const) {
      for (const { button, means } of outcomes(testConflict({ kind }), names)) {
        expect(`${button} ${means}`).not.toMatch(/\b(left|right|mine|theirs|local|remote)\b/i);
      }
    }
  });

  it("of a move are about where it lies, and both can not stay", () => {
    const at = (path: string) => ({ ...testConflict().left, path: { path, display: path } });
    const shown = outcomes(testConflict({ kind: "bothMoved", left: at("a/x"), right: at("b/x") }), names);
    expect(shown.map(({ button }) => button)).toEqual(["Keep it where Laptop has it", "Keep it where Stick has it"]);
    expect(shown[1]?.means).toBe("In Laptop it is moved to b/x, as in the other place. What it holds does not change, and nothing goes to a bin.");
  });

  it("mark the newer version only where the times tell", () => {
    expect(newerSide(testConflict())).toBe("left");
    expect(newerSide(testConflict({ left: { ...testConflict().left, modifiedMs: null } }))).toBeUndefined();
    expect(newerSide(testConflict({ left: { ...testConflict().left, modifiedMs: 1000 } }))).toBeUndefined();
  });

  it("that were taken are told in the same words", () => {
    expect(decidedWords(testConflict({ decided: "right" }), names)).toBe("Keep the one from Stick");
    expect(decidedWords(testConflict(), names)).toBe("");
  });
});
