import { describe, expect, it } from "vitest";

import type { DiffLine } from "../../api";
import { pairLines } from "./lines";
import { takesWhatIsBelow, wayOf, wordFor } from "./ways";

describe("the way of a row", () => {
  it("is towards the side that is changed, until it is left out", () => {
    expect(wayOf({ side: "right", choice: null })).toBe("right");
    expect(wayOf({ side: "right", choice: "skip" })).toBe("skip");
  });

  it("is turned round, left out, and taken back", () => {
    expect(wordFor({ choice: null }, "left")).toBe("rightToLeft");
    expect(wordFor({ choice: null }, "skip")).toBe("skip");
    expect(wordFor({ choice: "skip" }, "skip")).toBe("asPlanned");
    expect(wordFor({ choice: "skip" }, "right")).toBe("leftToRight");
  });

  it("is that of all below it for a folder, but not for its rights", () => {
    expect(takesWhatIsBelow({ entryType: "folder", action: "createFolder" })).toBe(true);
    expect(takesWhatIsBelow({ entryType: "folder", action: "setMetadata" })).toBe(false);
    expect(takesWhatIsBelow({ entryType: "file", action: "copy" })).toBe(false);
  });
});

describe("lines beside each other", () => {
  const line = (kind: DiffLine["kind"], text: string): DiffLine => ({ kind, left: null, right: null, text });

  it("are paired within a block, and the same lines on both sides", () => {
    const pairs = pairLines([line("same", "a"), line("left", "b"), line("left", "c"), line("right", "d"), line("gap", ""), line("right", "e")]);
    expect(pairs.map(({ left, right, gap }) => [left?.text, right?.text, gap])).toEqual([
      ["a", "a", false],
      ["b", "d", false],
      ["c", undefined, false],
      ["", "", true],
      [undefined, "e", false],
    ]);
  });
});
