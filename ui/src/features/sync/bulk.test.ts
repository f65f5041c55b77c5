import { describe, expect, it } from "vitest";

import { bulkDone, bulkMeans, decidable, whenDone } from "./bulk";
import { testConflict } from "./testPair";

const names = { left: "Laptop", right: "Stick" };
const letter = testConflict();
const alike = testConflict({ node: "2", left: { ...letter.left, modifiedMs: 1000 } });
const moved = testConflict({ node: "3", kind: "bothMoved" });
const mixed = testConflict({ node: "4", kind: "kindChanged", right: { ...letter.right, entryType: "folder", sizeBytes: null, modifiedMs: null } });
const decided = testConflict({ node: "5", decided: "both" });
const nodes = (conflicts: { node: string }[]) => conflicts.map(({ node }) => node);

describe("one decision for many conflicts", () => {
  it("leaves out what it can not decide", () => {
    const chosen = [letter, alike, moved, mixed, decided];
    expect(nodes(decidable("left", chosen))).toEqual(["1", "2", "3", "4", "5"]);
    expect(nodes(decidable("both", chosen))).toEqual(["1", "2", "4", "5"]);
    expect(nodes(decidable("newest", chosen))).toEqual(["1", "3", "5"]);
    expect(nodes(decidable("later", chosen))).toEqual(["5"]);
  });

  it("says beforehand what is left out and waits still", () => {
    expect(bulkMeans("both", [letter, moved], names)).toBe("Both places then have both versions of each: one keeps its name, the other gets its place and the day in its name. Nothing goes to a bin. 1 of the selected was moved to two folders, and can lie in one only: it waits for you as before.");
    expect(bulkMeans("both", [letter, alike], names)).toBe("Both places then have both versions of each: one keeps its name, the other gets its place and the day in its name. Nothing goes to a bin.");
    expect(bulkMeans("newest", [letter, alike, mixed], names)).toContain("The times of 2 of the selected do not tell: they wait for you as before.");
  });

  it("names folders that go, and where what was moved lies then", () => {
    expect(bulkMeans("left", [letter], names)).toBe("Both places then have the ones from Laptop. The ones from Stick go to the bin in Stick; the tab “Bin” brings them back.");
    expect(bulkMeans("left", [letter, mixed, moved], names)).toContain("A folder that goes to the bin goes with all that is in it. What was moved to two folders is then where Laptop has it.");
    expect(bulkMeans("right", [moved], names)).toBe("What was moved to two folders is then where Stick has it.");
    expect(bulkMeans("right", [letter, mixed], names)).not.toContain("folder");
  });

  it("is told with how many wait still, and of one with its name", () => {
    expect(bulkDone("both", [letter, alike, moved], { decided: 2, jobId: "j" }, names)).toEqual({ title: "2 conflicts were decided and are carried out now", text: "1 waits for you as before." });
    expect(bulkDone("left", [letter, alike], { decided: 2, jobId: null }, names)).toEqual({ title: "2 conflicts were decided; they are done with the next run" });
    expect(bulkDone("newest", [letter], { decided: 1, jobId: "j" }, names)).toEqual({ title: "“to-ada.txt”: the one from Laptop is kept", text: whenDone("j") });
    expect(bulkDone("later", [letter, decided], { decided: 0, jobId: null }, names)).toEqual({ title: "1 decision was taken back" });
    expect(bulkDone("later", [decided], { decided: 0, jobId: null }, names)).toEqual({ title: "“to-ada.txt” waits for your decision again" });
  });
});
